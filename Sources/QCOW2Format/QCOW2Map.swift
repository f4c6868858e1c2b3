import ByteLayout
import DiskImage

/// L1 → L2 → clusters, or with extended L2 entries → subclusters, 32 to a cluster. Holds the L1 table (at most 32 MiB)
/// and one L2 table (at most 2 MiB).
final class QCOW2Map: DiskMap {
    let virtualSize: UInt64
    let files: [ImageFile]
    private let file: ImageFile
    private let header: QCOW2Header
    private let l1: [UInt64]
    private let metadata: MetadataRanges
    /// The file that holds the clusters; the image itself unless there is an external data file.
    private let dataFile: ImageFile
    private let hasDataFile: Bool
    private var dataFileIndex: Int { hasDataFile ? 1 : 0 }
    /// The file's holes, if its clusters may lie in some: those of an image with preallocated tables do.
    private let allocated: AllocatedRanges?
    /// The L2 table used last: its entries, and with extended L2 the bitmaps of their subclusters.
    private var table: (index: Int, entries: [UInt64], bitmaps: [UInt64]) = (-1, [], [])

    /// - Parameters:
    ///   - cipher: decrypts the clusters, if they are encrypted.
    ///   - tolerant: damaged L1 entries are errors only when they are needed.
    init(
        file: ImageFile, dataFile: ImageFile?, header: QCOW2Header, cipher: (any SectorCipher)?, tolerant: Bool
    ) throws(ImageError) {
        self.file = file
        self.header = header
        self.dataFile = dataFile ?? file
        hasDataFile = dataFile != nil
        files = ([file] + (dataFile.map { [$0] } ?? [])).map { file in
            cipher.map { ImageFile(file, decryptedBy: $0) } ?? file
        }
        virtualSize = header.size
        let cluster = header.clusterSize
        // What a hole decrypts to is not zero.
        allocated =
            dataFile == nil && cipher == nil && Self.isSparse(file, header: header) ? AllocatedRanges(file: file) : nil
        // Entries beyond those the disk needs (a machine's saved state, in snapshots) are nothing to us.
        let count = Int(header.size.dividedUp(by: header.l2Coverage))
        let bytes = try file.read(at: header.l1TableOffset, count: count * 8, what: "L1 table")
        l1 = (0..<count).map { bytes.bigEndian(UInt64.self, at: $0 * 8) & QCOW2.offsetMask }

        var tables: [UInt64] = []
        for (index, offset) in l1.enumerated() where offset != 0 {
            do throws(ImageError) {
                try Self.requireTable(at: offset, index: index, file: file, header: header)
                tables.append(offset)
            } catch {
                guard tolerant else { throw error }
            }
        }
        let refcountLength = UInt64(header.refcountTableClusters) * cluster
        let others = [
            0..<cluster, header.l1TableOffset..<header.l1TableOffset + UInt64(count) * 8,
            header.refcountTableOffset..<header.refcountTableOffset + refcountLength,
        ]
        metadata = try MetadataRanges(tables: tables, tableLength: cluster, others: others) { first, second in
            file.damaged("two of the qcow2's tables overlap: one starts at byte \(first)", at: second)
        }
    }

    /// Whether so much less storage is in use than the file is long that allocated clusters must lie in holes. QEMU asks
    /// the same before it looks for holes (`qcow2_detect_metadata_preallocation`): a hole here and there doesn't pay.
    private static func isSparse(_ file: ImageFile, header: QCOW2Header) -> Bool {
        let clusters = file.size.dividedUp(by: header.clusterSize)
        let stored = file.allocatedSize / header.clusterSize
        let manyMore = max(stored + stored / 9, stored + 2)
        guard clusters >= manyMore, let refcounts = try? RefcountTable(file: file, header: header) else { return false }
        return (try? refcounts.hasUsedClusters(manyMore, of: clusters)) ?? false
    }

    /// Throws unless the L1 entry points at an L2 table that can be there.
    private static func requireTable(
        at offset: UInt64, index: Int, file: ImageFile, header: QCOW2Header
    ) throws(ImageError) {
        let entryOffset = header.l1TableOffset + UInt64(index) * 8
        guard offset % header.clusterSize == 0 else {
            throw file.damaged("L1 entry \(index) is not aligned to a cluster: byte \(offset)", at: entryOffset)
        }
        guard offset <= file.size, header.clusterSize <= file.size - offset else {
            throw file.damaged("L1 entry \(index) points past the end of the file: byte \(offset)", at: entryOffset)
        }
    }

    func unmappableLength(at offset: GuestOffset, limit: UInt64) -> UInt64 {
        let isLoaded = (try? load(Int(offset.bytes / header.l2Coverage))) != nil
        let unit = isLoaded ? header.clusterSize : header.l2Coverage
        return min(limit, unit - offset.bytes % unit)
    }

    func extent(at offset: GuestOffset, limit: UInt64) throws(ImageError) -> Extent {
        let l1Index = Int(offset.bytes / header.l2Coverage)
        guard l1[l1Index] != 0 else {
            var end = l1Index + 1
            var run = header.l2Coverage - offset.bytes % header.l2Coverage
            while run < limit, l1[end] == 0 {
                end += 1
                run += header.l2Coverage
            }
            return Extent(length: min(run, limit), content: .unallocated)
        }
        try load(l1Index)
        let within = offset.bytes % header.l2Coverage
        let limit = min(limit, header.l2Coverage - within)
        let index = Int(within / header.unitSize)
        let first = try stored(index)
        if first == .compressed {
            let cluster = Int(within / header.clusterSize)
            return try compressedCluster(cluster, skipped: within % header.clusterSize, limit: limit)
        }
        // Units join while the next one is stored in the same way, behind the one before.
        var end = index + 1
        var run = header.unitSize - within % header.unitSize
        while run < limit {
            guard try stored(end) == first.advanced(by: UInt64(end - index) * header.unitSize) else { break }
            end += 1
            run += header.unitSize
        }
        let length = min(run, limit)
        switch first {
        case .absent(let start), .zero(let start):
            let content: Extent.Content = if case .zero = first { .zero } else { .unallocated }
            let place = start.map {
                FilePlace(file: dataFileIndex, offset: HostOffset($0 + within % header.unitSize))
            }
            return Extent(length: length, content: content, unusedPlace: place)
        case .compressed:
            preconditionFailure("compressed clusters are extents of their own")
        case .data(let start):
            return try dataExtent(
                start + within % header.unitSize, length: length, cluster: index / header.unitsPerCluster)
        }
    }

    /// How a unit, a cluster or subcluster, is stored.
    private enum Stored: Equatable {
        /// At this host offset there may be room for it.
        case absent(UInt64?)
        /// At this host offset there may be room for it.
        case zero(UInt64?)
        /// At this host offset.
        case data(UInt64)
        case compressed

        /// What a unit `distance` bytes on must be to continue the run.
        func advanced(by distance: UInt64) -> Stored {
            switch self {
            case .data(let start): .data(start + distance)
            case .zero(let start): .zero(start.map { $0 + distance })
            case .absent(let start): .absent(start.map { $0 + distance })
            case .compressed: self
            }
        }
    }

    private func stored(_ unit: Int) throws(ImageError) -> Stored {
        let cluster = unit / header.unitsPerCluster
        let entry = L2Entry(rawValue: table.entries[cluster])
        let isExtended = !table.bitmaps.isEmpty
        if entry.isCompressed {
            guard !isExtended || table.bitmaps[cluster] == 0, !hasDataFile else {
                throw damaged(cluster, "is compressed, which it can't be")
            }
            return .compressed
        }
        guard !entry.hasReservedBits, !entry.isZero || (header.version >= 3 && !isExtended) else {
            throw damaged(cluster, "has reserved bits set: 0x\(String(entry.rawValue, radix: 16))")
        }
        guard entry.hostOffset % header.clusterSize == 0 else {
            throw damaged(cluster, "is not aligned to a cluster: byte \(entry.hostOffset)")
        }
        // In an external data file a cluster may be at offset 0; then its mark as copied tells that it is there.
        let isAllocated = entry.hostOffset != 0 || (hasDataFile && entry.rawValue & L2Entry.copied != 0)
        guard isExtended else {
            guard isAllocated else { return entry.isZero ? .zero(nil) : .absent(nil) }
            return entry.isZero ? .zero(entry.hostOffset) : .data(entry.hostOffset)
        }
        let subcluster = unit % header.unitsPerCluster
        let start = entry.hostOffset + UInt64(subcluster) * header.unitSize
        switch (table.bitmaps[cluster] >> UInt64(subcluster)) & 0x1_0000_0001 {
        case 0: return .absent(isAllocated ? start : nil)
        case 0x1_0000_0000: return .zero(isAllocated ? start : nil)
        case 1 where isAllocated: return .data(start)
        default: throw damaged(cluster, "has a subcluster that is both zero and allocated, or has no cluster")
        }
    }

    private func dataExtent(_ start: UInt64, length: UInt64, cluster: Int) throws(ImageError) -> Extent {
        guard start + length <= dataFile.size else {
            throw damaged(
                cluster, "points past the end of the file (\(length) bytes at byte \(start), file of \(dataFile.size))")
        }
        guard hasDataFile || !metadata.intersect(start..<start + length) else {
            throw damaged(cluster, "points at the qcow2's own tables")
        }
        let place = FilePlace(file: dataFileIndex, offset: HostOffset(start))
        if let allocated { return allocated.extent(at: place, limit: length) }
        return Extent(length: length, content: .data(file: place.file, offset: place.offset))
    }

    private func compressedCluster(_ index: Int, skipped: UInt64, limit: UInt64) throws(ImageError) -> Extent {
        let entry = L2Entry(rawValue: table.entries[index])
        let range = entry.compressedRange(clusterBits: header.clusterBits)
        guard entry.rawValue & L2Entry.copied == 0 else { throw damaged(index, "is compressed, yet marked as copied") }
        guard range.lowerBound < file.size else {
            throw damaged(index, "points past the end of the file: compressed data at byte \(range.lowerBound)")
        }
        // Where the data ends is not known: the entry only tells a sector at or behind its end.
        guard !metadata.intersect(range.lowerBound..<range.lowerBound + 1) else {
            throw damaged(index, "points at the qcow2's own tables")
        }
        return Extent(
            length: min(header.clusterSize - skipped, limit),
            content: .compressed(
                CompressedUnit(
                    file: 0, offset: HostOffset(range.lowerBound), storedBound: range.count,
                    unitLength: Int(header.clusterSize), skipped: skipped,
                    coding: header.compression == .zlib ? .deflate : .zstd)))
    }

    private func damaged(_ index: Int, _ message: String) -> ImageError {
        file.damaged(
            "entry \(index) of L2 table \(table.index) \(message)",
            at: l1[table.index] + UInt64(index) * header.l2EntryLength)
    }

    private func load(_ index: Int) throws(ImageError) {
        guard table.index != index else { return }
        try Self.requireTable(at: l1[index], index: index, file: file, header: header)
        let bytes = try file.read(at: l1[index], count: Int(header.clusterSize), what: "L2 table")
        let words = (0..<bytes.count / 8).map { bytes.bigEndian(UInt64.self, at: $0 * 8) }
        guard header.l2EntryLength > 8 else {
            table = (index, words, [])
            return
        }
        let even = stride(from: 0, to: words.count, by: 2)
        table = (index, even.map { words[$0] }, even.map { words[$0 + 1] })
    }
}
