import ByteLayout
import DiskImage

/// Replaces clusters of the disk, so that it is at every moment the old one or the new one.
///
/// 1. What the changed clusters will have goes where nothing is, as do copies of the L2 tables that lead to them, a copy of
///    the L1 table that leads to these, and what counts it all. Nothing that the old tables lead to is touched.
/// 2. When that is on the device one write of the header, within its first sector, switches over to the new L1 table.
/// 3. When that is on the device too, what the old tables alone used is counted down.
///
/// 1 is ``prepare(givingUp:)``, 2 the last step, 3 ``finish()``. An interruption of 1 or 3 leaves clusters that nobody uses. What
/// snapshots share is merely used once less.
struct QCOW2Commit: PreparedChange {
    private let file: ImageFile
    private let header: QCOW2Header
    private let refcounts: RefcountTable
    private let changes: DiskChanges
    /// The clusters of the disk that change.
    private let clusters: [Range<UInt64>]
    private let output: WrittenRanges
    private let hasBacking: Bool
    private var allocator: ClusterAllocator
    private var l1: [UInt8]
    /// The L2 table that is being changed, and its number.
    private var l2: [UInt8] = []
    private var l2Index: UInt64?
    /// Host clusters that are used once less by the new tables, as often as that.
    private var released: [UInt64] = []
    private var newHeader: [UInt8] = []
    var report = CommitReport()

    /// Entries of an L2 table.
    private var l2Count: UInt64 { header.clusterSize / header.l2EntryLength }

    /// - Throws: `inputDamaged` if the refcounts must be repaired first, `outputNoSpace`. Nothing has been written then.
    init(
        file: ImageFile, header: QCOW2Header, hasBacking: Bool, changes: DiskChanges, output: any OutputSink
    ) throws(ImageError) {
        self.file = file
        self.header = header
        self.hasBacking = hasBacking
        self.changes = changes
        self.output = WrittenRanges(output)
        refcounts = try RefcountTable(file: file, header: header)
        clusters = try changes.units(of: header.clusterSize)
        report.writtenBytes = clusters.reduce(0) { $0 + UInt64($1.count) } * header.clusterSize
        l1 = try file.read(at: header.l1TableOffset, count: Int(header.l1Size) * 8, what: "L1 table")
        let l2Count = header.clusterSize / header.l2EntryLength
        // Runs may share a table, which is then counted too often.
        let most = clusters.reduce(UInt64(0)) {
            $0 + UInt64($1.count) + (($1.upperBound - 1) / l2Count - $1.lowerBound / l2Count + 1)
        }
        allocator = try ClusterAllocator(
            file: file, header: header, refcounts: refcounts, single: most,
            tableLength: UInt64(l1.count).dividedUp(by: header.clusterSize))
        // What the refcounts have against it is to be known before anything is written.
        let missing = allocator.missing(single: most)
        if missing > 0 {
            guard !file.isBlockDevice else {
                throw ImageError(
                    .outputNoSpace,
                    "the image lies on a device and may need \(missing) clusters more than are free in it",
                    advice: "convert it to a file", path: file.path)
            }
            _ = try AppendedClusters(
                after: allocator.end, count: missing, table: refcounts, file: file, header: header)
        }
    }

    let isAtomic = true

    /// Writes all that is new.
    /// - Parameter bitmaps: the clusters of persistent bitmaps, which don't know of the changes.
    mutating func prepare(givingUp bitmaps: [UInt64]) throws(ImageError) {
        for run in clusters { try replace(run) }
        try writeTable()
        newHeader = try writeL1().bytes
        released += bitmaps
        released.sort()
    }

    /// What was written, and what the old tables alone lead to.
    var premises: [Range<UInt64>] {
        let old = released.map { $0 * header.clusterSize..<($0 + 1) * header.clusterSize }
        return (output.ranges + old).merged
    }

    /// The header, which lies in the first sector.
    func forEachWrite(
        _ body: (_ offset: UInt64, _ bytes: [UInt8]) throws(ImageError) -> Void
    ) throws(ImageError) {
        let sector = try file.read(at: 0, count: 512, what: "qcow2 header")
        try body(0, newHeader + sector[newHeader.count...])
    }

    /// Gives back what the old tables alone used.
    func finish() throws(ImageError) {
        var release = RefcountRelease(
            file: file, table: refcounts, clusterSize: header.clusterSize, punchesHoles: false)
        for cluster in released { try release.release(cluster, output) }
        try release.finish(output)
    }

    // MARK: Clusters

    /// Writes the clusters `run` of the disk, and changes the tables that lead to them.
    private mutating func replace(_ run: Range<UInt64>) throws(ImageError) {
        var first = run.lowerBound
        while first < run.upperBound {
            let index = first / l2Count
            if l2Index != index { try openTable(index) }
            let limit = first + DiskChanges.maximumLength / header.clusterSize
            let end = min(run.upperBound, (index + 1) * l2Count, limit)
            try replaceInTable(first..<end)
            first = end
        }
    }

    /// Writes `run`, at most ``DiskChanges/maximumLength``, all of it described by the open table.
    private mutating func replaceInTable(_ run: Range<UInt64>) throws(ImageError) {
        let size = Int(header.clusterSize)
        let bytes = try changes.read(run.lowerBound * header.clusterSize..<run.upperBound * header.clusterSize)
        let isZero = run.indices.map { index in
            let start = Int(index - run.lowerBound) * size
            return ZeroScan.isZero(Array(bytes[start..<start + size]))
        }
        var position = 0
        while position < run.count {
            if isZero[position], replaceWithZeros(run.lowerBound + UInt64(position)) {
                position += 1
                continue
            }
            let stored = isZero[position...].prefix { !$0 }.count
            let host = allocator.allocate(upTo: UInt64(max(1, stored)))
            let end = position + host.count
            try output.write(
                Array(bytes[position * size..<end * size]), at: HostOffset(host.lowerBound * header.clusterSize))
            for (cluster, place) in zip(run.lowerBound + UInt64(position)..<run.upperBound, host) {
                setEntry(of: cluster, .plain(at: place * header.clusterSize), subclusters: UInt64(UInt32.max))
            }
            position = end
        }
    }

    /// Makes `cluster` one of zeros without storage.
    /// - Returns: false if the image has no way to say that: in version 2 the backing file shines through.
    private mutating func replaceWithZeros(_ cluster: UInt64) -> Bool {
        if header.incompatible.contains(.extendedL2) {
            setEntry(of: cluster, L2Entry(rawValue: 0), subclusters: UInt64(UInt32.max) << 32)
        } else if header.version >= 3 {
            setEntry(of: cluster, .marked, subclusters: 0)
        } else {
            guard !hasBacking else { return false }
            setEntry(of: cluster, L2Entry(rawValue: 0), subclusters: 0)
        }
        return true
    }

    // MARK: Tables

    private mutating func openTable(_ index: UInt64) throws(ImageError) {
        try writeTable()
        let offset = l1.bigEndian(UInt64.self, at: Int(index) * 8) & QCOW2.offsetMask
        if offset == 0 {
            l2 = [UInt8](repeating: 0, count: Int(header.clusterSize))
        } else {
            l2 = try file.read(at: offset, count: Int(header.clusterSize), what: "L2 table")
            released.append(offset / header.clusterSize)
        }
        l2Index = index
    }

    /// Writes the open table to a new place, and enters that into the L1 table.
    private mutating func writeTable() throws(ImageError) {
        guard let index = l2Index else { return }
        let offset = allocator.allocate(upTo: 1).lowerBound * header.clusterSize
        try output.write(l2, at: HostOffset(offset))
        l1.storeBigEndian(L2Entry.plain(at: offset).rawValue, at: Int(index) * 8)
        l2Index = nil
    }

    /// Changes the entry of `cluster` in the open table.
    /// - Parameter subclusters: the bitmap, if the image has extended L2 entries.
    private mutating func setEntry(of cluster: UInt64, _ entry: L2Entry, subclusters: UInt64) {
        let position = Int(cluster % l2Count * header.l2EntryLength)
        let isExtended = header.l2EntryLength == 16
        let old = L2Inspection(
            L2Entry(rawValue: l2.bigEndian(UInt64.self, at: position)),
            bitmap: isExtended ? l2.bigEndian(UInt64.self, at: position + 8) : 0, header: header)
        switch old.reference {
        case .none: break
        case .plain(let offset, _): released.append(offset / header.clusterSize)
        case .compressed(let bytes):
            released += bytes.lowerBound / header.clusterSize...(bytes.upperBound - 1) / header.clusterSize
        }
        l2.storeBigEndian(entry.rawValue, at: position)
        if isExtended { l2.storeBigEndian(subclusters, at: position + 8) }
    }

    /// Writes the new L1 table, and counts all that is new.
    /// - Returns: the header that leads there.
    private mutating func writeL1() throws(ImageError) -> HeaderEdit {
        let place = allocator.allocateTable()
        let l1Offset = place.lowerBound * header.clusterSize
        let padding = [UInt8](repeating: 0, count: place.count * Int(header.clusterSize) - l1.count)
        try output.write(l1 + padding, at: HostOffset(l1Offset))
        release(header.l1TableOffset, length: UInt64(l1.count))
        var edit = try HeaderEdit(file: file, header: header)
        edit.setL1(count: UInt64(header.l1Size), offset: l1Offset)
        if header.autoclear & QCOW2Header.bitmaps != 0 { edit.disownBitmaps(header) }
        let new = try AppendedClusters(
            after: allocator.end, count: allocator.appended, reusing: allocator.reused, table: refcounts, file: file,
            header: header)
        if let table = try new.writeCounts(to: output) {
            edit.setRefcountTable(clusters: table.clusters, offset: table.offset)
            release(header.refcountTableOffset, length: UInt64(header.refcountTableClusters) * header.clusterSize)
        } else {
            try new.enterBlocks(tableOffset: header.refcountTableOffset, to: output)
        }
        return edit
    }

    /// Notes that the clusters of a table are not used any more.
    private mutating func release(_ offset: UInt64, length: UInt64) {
        let first = offset / header.clusterSize
        released += first..<first + length.dividedUp(by: header.clusterSize)
    }
}
