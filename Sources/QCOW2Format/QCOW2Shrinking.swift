import ByteLayout
import DiskImage

/// Makes the disk of an image without internal snapshots smaller, in place.
///
/// First the header says so. Then nothing needs the clusters behind the end: the table entries that lead to them are
/// cleared, and when that is on the device the clusters are counted down and their storage is given back. With the size that
/// the disk has it completes a change that was interrupted.
struct QCOW2Shrinking {
    private let file: ImageFile
    private let header: QCOW2Header
    private let size: UInt64
    private let l1: [UInt8]
    /// Entries of an L2 table.
    private let l2Count: UInt64
    /// The first cluster of the disk that goes.
    private let firstCluster: UInt64

    init(file: ImageFile, header: QCOW2Header, size: UInt64) throws(ImageError) {
        self.file = file
        self.header = header
        self.size = size
        l1 = try file.read(at: header.l1TableOffset, count: Int(header.l1Size) * 8, what: "L1 table")
        l2Count = header.clusterSize / header.l2EntryLength
        firstCluster = size.dividedUp(by: header.clusterSize)
    }

    /// Whether table entries behind the end lead to anything that the disk would show if it had them.
    func hasData() throws(ImageError) -> Bool {
        var count = 0
        if let partial = try partialTable() {
            try forEachCluster(of: partial) { (_) throws(ImageError) in count += 1 }
        }
        try forEachTable { (table) throws(ImageError) in
            if count == 0 { try forEachCluster(of: table) { (_) throws(ImageError) in count += 1 } }
        }
        return count > 0
    }

    func run(_ output: any OutputSink) throws(ImageError) {
        var release = RefcountRelease(
            file: file, table: try RefcountTable(file: file, header: header), clusterSize: header.clusterSize,
            punchesHoles: true)
        // All that goes is looked at before anything is changed.
        let partial = try partialTable()
        try forEachCluster(partial) { (cluster) throws(ImageError) in try release.require(cluster) }

        var edit = try HeaderEdit(file: file, header: header)
        edit.setSize(size)
        try edit.write(to: output)

        let first = Int(firstCluster.dividedUp(by: l2Count)) * 8
        if first < l1.count {
            try output.write(
                [UInt8](repeating: 0, count: l1.count - first), at: HostOffset(header.l1TableOffset + UInt64(first)))
        }
        if let partial {
            let start = partial.first * Int(header.l2EntryLength)
            try output.write(
                [UInt8](repeating: 0, count: partial.bytes.count - start),
                at: HostOffset(partial.offset + UInt64(start)))
        }
        try output.barrier()
        try forEachCluster(partial) { (cluster) throws(ImageError) in try release.release(cluster, output) }
        try release.finish(output)
    }

    /// An L2 table of which clusters go.
    private struct Table {
        var offset: UInt64
        var bytes: [UInt8]
        /// The first entry that goes.
        var first = 0
    }

    /// The table that describes clusters that stay and clusters that go, if there is one.
    private func partialTable() throws(ImageError) -> Table? {
        let first = Int(firstCluster % l2Count)
        guard first > 0, var table = try table(Int(firstCluster / l2Count)) else { return nil }
        table.first = first
        return table
    }

    private func table(_ index: Int) throws(ImageError) -> Table? {
        guard index * 8 < l1.count else { return nil }
        let offset = l1.bigEndian(UInt64.self, at: index * 8) & QCOW2.offsetMask
        guard offset != 0 else { return nil }
        return Table(offset: offset, bytes: try file.read(at: offset, count: Int(header.clusterSize), what: "L2 table"))
    }

    /// Calls `body` with each host cluster that is used once less: data, compressed data, and whole L2 tables.
    /// - Parameter partial: the table of which a part stays, as it was.
    private func forEachCluster(
        _ partial: Table?, _ body: (UInt64) throws(ImageError) -> Void
    ) throws(ImageError) {
        if let partial { try forEachCluster(of: partial, body) }
        try forEachTable { (table) throws(ImageError) in
            try forEachCluster(of: table, body)
            try body(table.offset / header.clusterSize)
        }
    }

    /// Calls `body` with each table that goes as a whole.
    private func forEachTable(_ body: (Table) throws(ImageError) -> Void) throws(ImageError) {
        let first = Int(firstCluster.dividedUp(by: l2Count))
        for index in first..<max(first, l1.count / 8) {
            if let table = try table(index) { try body(table) }
        }
    }

    private func forEachCluster(
        of table: Table, _ body: (UInt64) throws(ImageError) -> Void
    ) throws(ImageError) {
        for index in table.first..<Int(l2Count) {
            let entry = L2Entry(rawValue: table.bytes.bigEndian(UInt64.self, at: index * Int(header.l2EntryLength)))
            if entry.isCompressed {
                let range = entry.compressedRange(clusterBits: header.clusterBits)
                for cluster in range.lowerBound / header.clusterSize...(range.upperBound - 1) / header.clusterSize {
                    try body(cluster)
                }
            } else if entry.hostOffset != 0 {
                guard entry.hostOffset % header.clusterSize == 0 else {
                    throw file.damaged(
                        "entry \(index) of an L2 table is not aligned to a cluster",
                        at: table.offset + UInt64(index) * header.l2EntryLength)
                }
                try body(entry.hostOffset / header.clusterSize)
            }
        }
    }
}
