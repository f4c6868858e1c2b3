import ByteLayout
import DiskImage

/// Block map → blocks. Holds a window of the map, which may have 64 MiB.
final class VDIMap: DiskMap {
    let virtualSize: UInt64
    let files: [ImageFile]
    private let file: ImageFile
    private let header: VDIHeader
    private let blocks: WindowedTable
    private let hasParent: Bool
    /// The holes of a fixed disk, all of whose blocks are allocated.
    private let allocated: AllocatedRanges?

    /// Never written: zero, or the parent's.
    private static let unallocated = UInt32.max
    /// Discarded by the guest: zero, whatever the parent has.
    private static let discarded = UInt32.max - 1

    init(file: ImageFile, header: VDIHeader) {
        self.file = file
        self.header = header
        hasParent = header.kind == .differencing
        files = [file]
        virtualSize = header.size
        allocated = header.kind == .fixed ? AllocatedRanges(file: file) : nil
        let count = Int(header.size.dividedUp(by: UInt64(header.blockSize)))
        blocks = WindowedTable(
            source: file, offset: UInt64(header.mapOffset), entryLength: 4, count: count, what: "block map")
    }

    func extent(at offset: GuestOffset, limit: UInt64) throws(ImageError) -> Extent {
        let blockSize = UInt64(header.blockSize)
        let index = Int(offset.bytes / blockSize)
        let skipped = offset.bytes % blockSize
        let first = try stored(index)
        // Blocks join while the next one is stored behind the one before, or is absent or zero like it.
        var end = index + 1
        var run = blockSize - skipped
        while run < limit, try stored(end) == first.shifted(by: UInt64(end - index) * blockSize) {
            end += 1
            run += blockSize
        }
        let length = min(run, limit)
        guard case .data(let offset) = first else {
            return Extent(length: length, content: first == .absent && hasParent ? .unallocated : .zero)
        }
        let start = offset + skipped
        guard start + length <= file.size else {
            throw damaged(index, "points past the end of the file (\(length) bytes at byte \(start))")
        }
        let place = FilePlace(file: 0, offset: HostOffset(start))
        if let allocated { return allocated.extent(at: place, limit: length) }
        return Extent(length: length, content: .data(file: place.file, offset: place.offset))
    }

    func unmappableLength(at offset: GuestOffset, limit: UInt64) -> UInt64 {
        min(limit, UInt64(header.blockSize) - offset.bytes % UInt64(header.blockSize))
    }

    /// How a block is stored.
    private enum Stored: Equatable {
        case absent
        case zero
        /// At this host offset.
        case data(UInt64)

        /// What a block `distance` bytes farther on is, if both are one run.
        func shifted(by distance: UInt64) -> Stored {
            if case .data(let start) = self { .data(start + distance) } else { self }
        }
    }

    private func stored(_ index: Int) throws(ImageError) -> Stored {
        let number = try entry(index)
        guard number < Self.discarded else { return number == Self.discarded ? .zero : .absent }
        guard number < header.blockCount else { throw damaged(index, "has the impossible number \(number)") }
        return .data(hostOffset(ofBlock: number))
    }

    private func entry(_ index: Int) throws(ImageError) -> UInt32 {
        let entry = try blocks.entry(index)
        return entry.bytes.littleEndian(UInt32.self, at: entry.offset)
    }

    /// The number of the block of the file that stores block `index` of the disk, perhaps an impossible one; nil if none
    /// does.
    func storedNumber(of index: Int) throws(ImageError) -> UInt32? {
        let number = try entry(index)
        return number < Self.discarded ? number : nil
    }

    /// Where the data of block `number` of the file starts.
    func hostOffset(ofBlock number: UInt32) -> UInt64 {
        let stride = UInt64(header.blockSize) + UInt64(header.blockExtra)
        return UInt64(header.dataOffset) + UInt64(number) * stride + UInt64(header.blockExtra)
    }

    private func damaged(_ index: Int, _ message: String) -> ImageError {
        file.damaged("entry \(index) of the block map \(message)", at: UInt64(header.mapOffset) + UInt64(index) * 4)
    }
}
