import ByteLayout
import DiskImage

/// Block allocation table → blocks → of a block that is partially present, the sectors that are there. Holds a window of
/// the table and the bits of one block (at most 64 KiB).
final class VHDXMap: DiskMap {
    let virtualSize: UInt64
    let files: [ImageFile]
    private let replayed: ReplayedFile
    private let regions: VHDXRegions
    private let metadata: VHDXMetadata
    let hasParent: Bool
    private let table: WindowedTable
    /// The holes of a fixed disk, all of whose blocks are there.
    private let allocated: AllocatedRanges?
    /// Blocks of the disk that one block of the sector bitmap describes; its entry follows theirs.
    let chunkRatio: Int
    /// Blocks of the disk, and of the sector bitmap.
    let blockCount: Int
    let chunkCount: Int
    /// The bits used last, and their block.
    private var bitmap: (block: Int, bytes: [UInt8]) = (-1, [])

    init(_ replayed: ReplayedFile, regions: VHDXRegions, metadata: VHDXMetadata) throws(ImageError) {
        self.replayed = replayed
        self.regions = regions
        self.metadata = metadata
        hasParent = metadata.parent != nil
        virtualSize = metadata.virtualSize
        files = [replayed.file]
        allocated = metadata.keepsBlocks ? AllocatedRanges(file: replayed.file) : nil
        chunkRatio = VHDX.chunkRatio(blockSize: metadata.blockSize, sectorSize: metadata.logicalSectorSize)
        blockCount = Int(virtualSize.dividedUp(by: metadata.blockSize))
        // With a parent the table ends with the last block of the sector bitmap.
        chunkCount = blockCount == 0 ? 0 : (blockCount - 1) / chunkRatio + 1
        let count =
            hasParent ? chunkCount * (chunkRatio + 1) : VHDX.tableCount(blocks: blockCount, chunkRatio: chunkRatio)
        guard UInt64(count * VHDXBlockEntry.length) <= UInt64(regions.table.count) else {
            throw replayed.file.damaged(
                "the block table is too short for a disk of \(virtualSize) bytes", at: regions.table.lowerBound)
        }
        table = WindowedTable(
            source: replayed, offset: regions.table.lowerBound, entryLength: VHDXBlockEntry.length, count: count,
            what: "block table")
    }

    func extent(at offset: GuestOffset, limit: UInt64) throws(ImageError) -> Extent {
        let block = Int(offset.bytes / metadata.blockSize)
        let skipped = offset.bytes % metadata.blockSize
        let first = try stored(block)
        if case .partial(let start) = first {
            let present = try presence(in: block, from: skipped, limit: min(limit, metadata.blockSize - skipped))
            guard present.isSet else { return Extent(length: present.length, content: .unallocated) }
            return try dataExtent(start + skipped, length: present.length, block: block)
        }
        // Blocks join while the next one is stored behind the one before, or is absent or zero like it.
        var run = metadata.blockSize - skipped
        var next = block + 1
        while run < limit, try stored(next) == first.shifted(by: UInt64(next - block) * metadata.blockSize) {
            next += 1
            run += metadata.blockSize
        }
        let length = min(run, limit)
        switch first {
        case .absent: return Extent(length: length, content: .unallocated)
        case .zero: return Extent(length: length, content: .zero)
        case .data(let start), .partial(let start):
            return try dataExtent(start + skipped, length: length, block: block)
        }
    }

    func unmappableLength(at offset: GuestOffset, limit: UInt64) -> UInt64 {
        min(limit, metadata.blockSize - offset.bytes % metadata.blockSize)
    }

    /// How a block is stored; whole or in part, at a host offset.
    private enum Stored: Equatable {
        case absent
        case zero
        case data(UInt64)
        case partial(UInt64)

        /// What a block `distance` bytes farther on is, if both are one run.
        func shifted(by distance: UInt64) -> Stored {
            if case .data(let start) = self { .data(start + distance) } else { self }
        }
    }

    private func stored(_ block: Int) throws(ImageError) -> Stored {
        let entry = try entry(tableIndex(of: block))
        switch entry.state {
        case .notPresent: return .absent
        case .undefined, .zero, .unmapped, .formerlyUnmapped: return .zero
        case .present: return .data(entry.hostOffset)
        case .partiallyPresent where hasParent: return .partial(entry.hostOffset)
        case .partiallyPresent, nil:
            throw damaged(block, "is impossible: 0x\(String(entry.rawValue, radix: 16))")
        }
    }

    func tableIndex(of block: Int) -> Int { VHDX.tableIndex(ofBlock: block, chunkRatio: chunkRatio) }

    func entry(_ index: Int) throws(ImageError) -> VHDXBlockEntry {
        let entry = try table.entry(index)
        return VHDXBlockEntry(rawValue: entry.bytes.littleEndian(UInt64.self, at: entry.offset))
    }

    /// Whether the bytes from `skipped` of a block are here, and how many of `limit` are or are not like the first.
    private func presence(
        in block: Int, from skipped: UInt64, limit: UInt64
    ) throws(ImageError) -> (isSet: Bool, length: UInt64) {
        try loadBitmap(of: block)
        let sectorSize = metadata.logicalSectorSize
        let sector = Int(skipped / sectorSize)
        let end = Int((skipped + limit).dividedUp(by: sectorSize))
        let run = bitmap.bytes.bitRun(at: sector, end: end, order: .leastSignificantFirst)
        return (run.isSet, min(limit, UInt64(sector + run.length) * sectorSize - skipped))
    }

    /// Where the table has the entry of block `chunk` of the sector bitmap.
    func tableIndex(ofBitmap chunk: Int) -> Int { chunk * (chunkRatio + 1) + chunkRatio }

    private func loadBitmap(of block: Int) throws(ImageError) {
        guard bitmap.block != block else { return }
        let entry = try entry(tableIndex(ofBitmap: block / chunkRatio))
        guard entry.state == .present else { throw damaged(block, "needs a sector bitmap, which is not there") }
        let length = Int(metadata.blockSize / metadata.logicalSectorSize / 8)
        let start = entry.hostOffset + UInt64(block % chunkRatio * length)
        guard !regions.reserved.intersect(start..<start + UInt64(length)) else {
            throw damaged(block, "has a sector bitmap in the VHDX's own tables")
        }
        bitmap = (block, try replayed.read(at: start, count: length, what: "sector bitmap"))
    }

    private func dataExtent(_ start: UInt64, length: UInt64, block: Int) throws(ImageError) -> Extent {
        guard start <= replayed.size, length <= replayed.size - start else {
            throw damaged(block, "points past the end of the file (\(length) bytes at byte \(start))")
        }
        guard !regions.reserved.intersect(start..<start + length) else {
            throw damaged(block, "points at the VHDX's own tables")
        }
        guard !replayed.isChanged(start..<start + length) else {
            throw damaged(block, "points at what the log changes, which can't be the disk's data")
        }
        // What the replay would add to the file is zero.
        guard start < replayed.file.size else { return Extent(length: length, content: .zero) }
        let place = FilePlace(file: 0, offset: HostOffset(start))
        let there = min(length, replayed.file.size - start)
        if let allocated { return allocated.extent(at: place, limit: there) }
        return Extent(length: there, content: .data(file: place.file, offset: place.offset))
    }

    private func damaged(_ block: Int, _ message: String) -> ImageError {
        replayed.file.damaged(
            "the entry of block \(block) in the block table \(message)",
            at: regions.table.lowerBound + UInt64(tableIndex(of: block)) * 8)
    }
}
