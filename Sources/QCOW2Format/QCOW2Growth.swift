import ByteLayout
import DiskImage

/// Makes the disk of an image larger, in place.
///
/// A longer L1 table goes behind the end of the file, with the refcount blocks that count it and, if that is full, a longer
/// refcount table. When all of that is on the device the header is switched over to it; then the old tables are given up.
/// All that may be refused is looked at before anything is written.
struct QCOW2Growth {
    private let file: ImageFile
    private let header: QCOW2Header
    private let size: UInt64
    /// Entries of the L1 table that the disk needs.
    private let l1Count: UInt64
    private let table: RefcountTable
    /// Where the new tables go, if the L1 table has no room where it is.
    private let plan: AppendedClusters?

    /// - Throws: `inputUnsupported` if clusters of this size can't describe the disk; `inputDamaged` if the refcounts must
    ///   be repaired first.
    init(file: ImageFile, header: QCOW2Header, size: UInt64) throws(ImageError) {
        self.file = file
        self.header = header
        self.size = size
        l1Count = max(UInt64(header.l1Size), size.dividedUp(by: header.l2Coverage))
        guard l1Count * 8 <= QCOW2.maximumL1Length else {
            throw file.unsupported(
                "clusters of \(header.clusterSize) bytes are too small for a disk of \(size) bytes",
                advice: "convert the image to one with a larger cluster_size")
        }
        table = try RefcountTable(file: file, header: header)
        let cluster = header.clusterSize
        let count = UInt64(header.l1Size)
        let room = (count * 8).alignedUp(to: cluster) / 8
        guard l1Count > room || header.l1TableOffset == 0 && l1Count > count else {
            plan = nil
            return
        }
        let plan = try AppendedClusters(
            after: file.size.dividedUp(by: cluster), count: (l1Count * 8).dividedUp(by: cluster), table: table,
            file: file, header: header)
        self.plan = plan
        var check = RefcountRelease(file: file, table: table, clusterSize: cluster, punchesHoles: false)
        for cluster in oldClusters(plan) { try check.require(cluster) }
    }

    func run(_ output: any OutputSink) throws(ImageError) {
        var edit = try HeaderEdit(file: file, header: header)
        edit.setSize(size)
        if let plan { return try moveTables(plan, edit, output) }
        let count = UInt64(header.l1Size)
        if l1Count > count {
            // The rest of the table's last cluster may have anything.
            let zeros = [UInt8](repeating: 0, count: Int(l1Count - count) * 8)
            try output.write(zeros, at: HostOffset(header.l1TableOffset + count * 8))
            edit.setL1(count: l1Count, offset: header.l1TableOffset)
        }
        try edit.write(to: output)
    }

    private func moveTables(
        _ plan: AppendedClusters, _ edit: HeaderEdit, _ output: any OutputSink
    ) throws(ImageError) {
        var edit = edit
        let cluster = header.clusterSize
        let l1Offset = plan.start * cluster
        var l1 = try file.read(at: header.l1TableOffset, count: Int(header.l1Size) * 8, what: "L1 table")
        l1 += [UInt8](repeating: 0, count: Int(l1Count * 8).alignedUp(to: Int(cluster)) - l1.count)
        try output.write(l1, at: HostOffset(l1Offset))
        edit.setL1(count: l1Count, offset: l1Offset)
        if let newTable = try plan.writeCounts(to: output) {
            edit.setRefcountTable(clusters: newTable.clusters, offset: newTable.offset)
        } else {
            try plan.enterBlocks(tableOffset: header.refcountTableOffset, to: output)
        }
        try edit.write(to: output)

        // Read anew: the blocks that count the old tables are where they were, but count new clusters too.
        var released = RefcountRelease(file: file, table: table, clusterSize: cluster, punchesHoles: false)
        for cluster in oldClusters(plan) { try released.release(cluster, output) }
        try released.finish(output)
    }

    /// The clusters of the tables that are given up.
    private func oldClusters(_ plan: AppendedClusters) -> [UInt64] {
        let l1 = clusters(at: header.l1TableOffset, bytes: UInt64(header.l1Size) * 8)
        guard plan.tableClusters > 0 else { return Array(l1) }
        let length = UInt64(header.refcountTableClusters) * header.clusterSize
        return Array(l1) + clusters(at: header.refcountTableOffset, bytes: length)
    }

    private func clusters(at offset: UInt64, bytes: UInt64) -> Range<UInt64> {
        let first = offset / header.clusterSize
        return first..<first + bytes.dividedUp(by: header.clusterSize)
    }
}
