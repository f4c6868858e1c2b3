import ByteLayout
import DiskImage

/// L1 → L2 → clusters. Holds the L1 table (at most 32 MiB) and one L2 table (at most 2 MiB).
final class QCOW2Map: DiskMap {
    let virtualSize: UInt64
    let files: [ImageFile]
    private let file: ImageFile
    private let header: QCOW2Header
    private let l1: [UInt64]
    private let metadata: MetadataRanges
    private var table: (index: Int, entries: [UInt64]) = (-1, [])

    /// What a cluster is that is not allocated: zero, or the backing file's.
    private let absent: Extent.Content

    init(file: ImageFile, header: QCOW2Header, absent: Extent.Content) throws(ImageError) {
        self.absent = absent
        self.file = file
        self.header = header
        files = [file]
        virtualSize = header.size
        let cluster = header.clusterSize
        // Entries beyond those the disk needs (a machine's saved state, in snapshots) are nothing to us.
        let count = Int(header.size.dividedUp(by: header.l2Coverage))
        let bytes = try file.read(at: header.l1TableOffset, count: count * 8, what: "L1 table")
        l1 = (0..<count).map { bytes.bigEndian(UInt64.self, at: $0 * 8) & QCOW2.offsetMask }

        var tables: [UInt64] = []
        for (index, offset) in l1.enumerated() where offset != 0 {
            let entryOffset = header.l1TableOffset + UInt64(index) * 8
            guard offset % cluster == 0 else {
                throw file.damaged("L1 entry \(index) is not aligned to a cluster: byte \(offset)", at: entryOffset)
            }
            guard offset <= file.size, cluster <= file.size - offset else {
                throw file.damaged("L1 entry \(index) points past the end of the file: byte \(offset)", at: entryOffset)
            }
            tables.append(offset)
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

    func extent(at offset: GuestOffset, limit: UInt64) throws(ImageError) -> Extent {
        let l1Index = Int(offset.bytes / header.l2Coverage)
        guard l1[l1Index] != 0 else {
            var end = l1Index + 1
            while end < l1.count, l1[end] == 0 { end += 1 }
            // The last table may describe more than the disk has; the caller's limit does not.
            let run = end == l1.count ? limit : UInt64(end) * header.l2Coverage - offset.bytes
            return Extent(length: min(run, limit), content: absent)
        }
        try load(l1Index)
        let within = offset.bytes % header.l2Coverage
        let index = Int(within / header.clusterSize)
        let skipped = within % header.clusterSize
        let limit = min(limit, header.l2Coverage - within)
        let entry = L2Entry(rawValue: table.entries[index])
        if entry.isCompressed { return try compressedCluster(entry, index: index, skipped: skipped, limit: limit) }
        guard !entry.hasReservedBits, !entry.isZero || header.version >= 3 else {
            throw damaged(index, "has reserved bits set: 0x\(String(entry.rawValue, radix: 16))")
        }
        if let content = contentWithoutData(entry) {
            return emptyRun(content, from: index, skipped: skipped, limit: limit)
        }
        return try dataRun(from: index, skipped: skipped, limit: limit)
    }

    /// What an entry stands for that has nothing stored; nil if it has.
    private func contentWithoutData(_ entry: L2Entry) -> Extent.Content? {
        guard !entry.isCompressed, !entry.hasReservedBits else { return nil }
        return entry.isZero ? .zero : entry.hostOffset == 0 ? absent : nil
    }

    private func emptyRun(_ content: Extent.Content, from index: Int, skipped: UInt64, limit: UInt64) -> Extent {
        var end = index + 1
        while end < table.entries.count, contentWithoutData(L2Entry(rawValue: table.entries[end])) == content {
            end += 1
        }
        return Extent(length: min(UInt64(end - index) * header.clusterSize - skipped, limit), content: content)
    }

    private func dataRun(from index: Int, skipped: UInt64, limit: UInt64) throws(ImageError) -> Extent {
        let first = L2Entry(rawValue: table.entries[index])
        let cluster = header.clusterSize
        guard first.hostOffset % cluster == 0 else {
            throw damaged(index, "is not aligned to a cluster: byte \(first.hostOffset)")
        }
        // Neighbours join while they differ only by the offset: same flags, next cluster.
        var end = index + 1
        var run = cluster - skipped
        while end < table.entries.count, run < limit,
            (table.entries[end] ^ first.rawValue) & ~(QCOW2.offsetMask | L2Entry.copied) == 0,
            table.entries[end] & QCOW2.offsetMask == first.hostOffset + UInt64(end - index) * cluster
        {
            end += 1
            run += cluster
        }
        let length = min(run, limit)
        let start = first.hostOffset + skipped
        guard start + length <= file.size else {
            throw damaged(
                index, "points past the end of the file (\(length) bytes at byte \(start), file of \(file.size))")
        }
        guard !metadata.intersect(start..<start + length) else {
            throw damaged(index, "points at the qcow2's own tables")
        }
        return Extent(length: length, content: .data(file: 0, offset: HostOffset(start)))
    }

    private func compressedCluster(
        _ entry: L2Entry, index: Int, skipped: UInt64, limit: UInt64
    ) throws(ImageError) -> Extent {
        let range = entry.compressedRange(clusterBits: header.clusterBits)
        guard entry.rawValue & L2Entry.copied == 0 else { throw damaged(index, "is compressed, yet marked as copied") }
        guard range.lowerBound < file.size else {
            throw damaged(index, "points past the end of the file: compressed data at byte \(range.lowerBound)")
        }
        guard !metadata.intersect(range.lowerBound..<min(range.upperBound, file.size)) else {
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
        file.damaged("entry \(index) of L2 table \(table.index) \(message)", at: l1[table.index] + UInt64(index) * 8)
    }

    private func load(_ index: Int) throws(ImageError) {
        guard table.index != index else { return }
        let bytes = try file.read(at: l1[index], count: Int(header.clusterSize), what: "L2 table")
        table = (index, (0..<bytes.count / 8).map { bytes.bigEndian(UInt64.self, at: $0 * 8) })
    }
}
