import ByteLayout
import DiskImage

/// Block allocation table → blocks → in a differencing disk, the sectors that are there. Holds a window of the table and
/// one block's bitmap (at most 256 KiB).
final class VHDMap: DiskMap {
    let virtualSize: UInt64
    let files: [ImageFile]
    private let file: ImageFile
    private let header: VHDDynamicHeader
    private let isDifferencing: Bool
    private let table: WindowedTable
    /// The file's own tables.
    let reserved: [Range<UInt64>]
    private let metadata: MetadataRanges
    /// Where blocks end at the latest: where the footer is.
    let end: UInt64
    /// The bitmap used last, and its block.
    private var bitmap: (block: Int, bytes: [UInt8]) = (-1, [])

    /// An entry of a block that is not there: zero, or the parent's.
    static let unallocated = UInt32.max

    init(
        file: ImageFile, footer: VHDFooter, header: VHDDynamicHeader, virtualSize: UInt64
    ) throws(ImageError) {
        self.file = file
        self.header = header
        self.virtualSize = virtualSize
        files = [file]
        isDifferencing = footer.kind == .differencing
        end = footer.position > 0 ? footer.position : file.size
        let count = Int(virtualSize.dividedUp(by: UInt64(header.blockSize)))
        table = WindowedTable(
            source: file, offset: header.tableOffset, entryLength: 4, count: count, what: "block table")
        reserved = [
            0..<UInt64(VHDFooter.length),
            header.position..<header.position + UInt64(VHD.dynamicHeaderLength),
            header.tableOffset..<header.tableOffset + UInt64(header.maximumEntries) * 4,
        ]
        metadata = try MetadataRanges(tables: [], tableLength: 0, others: reserved) { first, second in
            file.damaged("two of the VHD's tables overlap: one starts at byte \(first)", at: second)
        }
    }

    func extent(at offset: GuestOffset, limit: UInt64) throws(ImageError) -> Extent {
        let blockSize = UInt64(header.blockSize)
        let index = Int(offset.bytes / blockSize)
        let skipped = offset.bytes % blockSize
        guard let start = try hostOffset(of: index) else {
            var run = blockSize - skipped
            var next = index + 1
            while run < limit, try hostOffset(of: next) == nil {
                next += 1
                run += blockSize
            }
            return Extent(length: min(run, limit), content: isDifferencing ? .unallocated : .zero)
        }
        var length = min(blockSize - skipped, limit)
        if isDifferencing {
            try loadBitmap(of: index, at: start)
            let sector = Int(skipped / VHD.sectorSize)
            let last = Int((skipped + length).dividedUp(by: VHD.sectorSize))
            let run = bitmap.bytes.bitRun(at: sector, end: last, order: .mostSignificantFirst)
            length = min(length, UInt64(sector + run.length) * VHD.sectorSize - skipped)
            guard run.isSet else { return Extent(length: length, content: .unallocated) }
        }
        let position = start + header.bitmapLength + skipped
        guard position + length <= end else {
            throw damaged(index, "points past the end of the file (\(length) bytes at byte \(position))")
        }
        guard !metadata.intersect(start..<position + length) else {
            throw damaged(index, "points at the VHD's own tables")
        }
        return Extent(length: length, content: .data(file: 0, offset: HostOffset(position)))
    }

    func unmappableLength(at offset: GuestOffset, limit: UInt64) -> UInt64 {
        min(limit, UInt64(header.blockSize) - offset.bytes % UInt64(header.blockSize))
    }

    /// Where a block's bitmap is stored, nil if the block is not there. The bitmap is ignored unless there is a parent:
    /// everyone does, whatever the specification says.
    func hostOffset(of index: Int) throws(ImageError) -> UInt64? {
        let entry = try table.entry(index)
        let sector = entry.bytes.bigEndian(UInt32.self, at: entry.offset)
        return sector == Self.unallocated ? nil : UInt64(sector) * VHD.sectorSize
    }

    private func loadBitmap(of index: Int, at start: UInt64) throws(ImageError) {
        guard bitmap.block != index else { return }
        bitmap = (index, try file.read(at: start, count: Int(header.bitmapLength), what: "bitmap of block \(index)"))
    }

    private func damaged(_ index: Int, _ message: String) -> ImageError {
        file.damaged("entry \(index) of the block table \(message)", at: header.tableOffset + UInt64(index) * 4)
    }
}
