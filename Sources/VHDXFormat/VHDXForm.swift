import ByteLayout
import DiskImage

/// The form of a disk that is written: what does not depend on its content.
struct VHDXForm {
    private let options: VHDXOptions
    /// Bytes of the disk.
    let virtualSize: UInt64
    /// Bytes of a block.
    let blockSize: UInt64
    /// Bytes of the file: the log, the metadata region, and the region of the block allocation table.
    let log, metadata, table: Range<UInt64>
    private let blockCount: Int
    private let chunkRatio: Int

    /// Bytes of a sector, as guests see it, and of a sector of the device, as they are told: what QEMU writes.
    static let sectorSize: UInt64 = 512
    private static let blockSizes: ClosedRange<UInt64> = 1 << 20...256 << 20
    private static let logSizes: ClosedRange<UInt64> = 1 << 20...4095 << 20

    /// - Throws: `invalidOption` if an option has an impossible value, or the disk is too large for a VHDX.
    init(virtualSize: UInt64, options: VHDXOptions) throws(ImageError) {
        blockSize = options.effectiveBlockSize(virtualSize: virtualSize)
        guard blockSize.isPowerOfTwo, Self.blockSizes.contains(blockSize) else {
            throw ImageError(
                .invalidOption, "block_size must be a power of two from 1M to 256M, not \(options.blockSize)")
        }
        let logSize = UInt64(clamping: options.logSize)
        guard logSize % VHDX.alignment == 0, Self.logSizes.contains(logSize) else {
            throw ImageError(.invalidOption, "log_size must be whole MiB from 1M to 4095M, not \(options.logSize)")
        }
        guard virtualSize <= VHDX.maximumSize else {
            throw ImageError(.invalidOption, "a VHDX ends at 64 TiB, and the disk has \(virtualSize) bytes")
        }
        self.options = options
        self.virtualSize = virtualSize
        blockCount = Int(virtualSize.dividedUp(by: blockSize))
        chunkRatio = VHDX.chunkRatio(blockSize: blockSize, sectorSize: Self.sectorSize)
        log = VHDX.headerSectionLength..<VHDX.headerSectionLength + logSize
        metadata = log.upperBound..<log.upperBound + VHDX.alignment
        // QEMU takes the last block of an empty disk for number 2^32 - 1 and wants room for the entries.
        let count =
            blockCount == 0
            ? Int(UInt32.max) / chunkRatio : VHDX.tableCount(blocks: blockCount, chunkRatio: chunkRatio)
        let length = UInt64(count * VHDXBlockEntry.length).alignedUp(to: VHDX.alignment)
        table = metadata.upperBound..<metadata.upperBound + length
    }

    /// Entries of the block allocation table.
    var tableCount: Int { VHDX.tableCount(blocks: blockCount, chunkRatio: chunkRatio) }
    var isFixed: Bool { options.subformat == .fixed }
    /// The first byte behind the blocks that have their places whatever is stored.
    var end: UInt64 { isFixed ? fullEnd : table.upperBound }
    /// The first byte behind the blocks if all are stored.
    var fullEnd: UInt64 { table.upperBound + UInt64(blockCount) * blockSize }

    func tableIndex(ofBlock block: Int) -> Int { VHDX.tableIndex(ofBlock: block, chunkRatio: chunkRatio) }

    /// Where in the file a block of a fixed disk is.
    func fixedOffset(ofBlock block: Int) -> UInt64 { table.upperBound + UInt64(block) * blockSize }

    /// What stands at `index` in the block allocation table if nothing is stored of a block.
    func absentEntry(_ index: Int) -> UInt64 {
        let (chunk, number) = index.quotientAndRemainder(dividingBy: chunkRatio + 1)
        // A block of the sector bitmap, which only snapshots have.
        if number == chunkRatio { return VHDXBlockEntry(.notPresent).rawValue }
        guard !isFixed else {
            return VHDXBlockEntry(.present, at: fixedOffset(ofBlock: chunk * chunkRatio + number)).rawValue
        }
        return VHDXBlockEntry(options.marksZeroBlocks ? .zero : .notPresent).rawValue
    }

    /// A digest of the form, to which the content is to be added.
    var digest: ContentDigest {
        var digest = ContentDigest()
        digest.add(virtualSize)
        digest.add(blockSize)
        digest.add(options.subformat.rawValue)
        return digest
    }
}
