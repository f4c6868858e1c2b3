import ByteLayout
import DiskImage

/// Makes the disk of an image larger, in place.
///
/// A longer L1 table goes behind the end of the file, with the refcount blocks that count it and, if that is full, a longer
/// refcount table. When all of that is on the device the header is switched over to it; then the old tables are given up.
struct QCOW2Growth {
    private let file: ImageFile
    private let header: QCOW2Header
    private let size: UInt64
    /// Entries of the L1 table that the disk needs.
    private let l1Count: UInt64

    /// - Throws: `inputUnsupported` if clusters of this size can't describe the disk.
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
    }

    func run(_ output: any OutputSink) throws(ImageError) {
        var edit = try HeaderEdit(file: file, header: header)
        edit.setSize(size)
        let count = UInt64(header.l1Size)
        let room = (count * 8).alignedUp(to: header.clusterSize) / 8
        guard l1Count > count else { return try edit.write(to: output) }
        guard l1Count > room || header.l1TableOffset == 0 else {
            // The rest of the table's last cluster may have anything.
            let zeros = [UInt8](repeating: 0, count: Int(l1Count - count) * 8)
            try output.write(zeros, at: HostOffset(header.l1TableOffset + count * 8))
            edit.setL1(count: l1Count, offset: header.l1TableOffset)
            return try edit.write(to: output)
        }
        try moveTables(edit, output)
    }

    private func moveTables(_ edit: HeaderEdit, _ output: any OutputSink) throws(ImageError) {
        var edit = edit
        let table = try RefcountTable(file: file, header: header)
        let cluster = header.clusterSize
        let oldL1 = clusters(at: header.l1TableOffset, bytes: UInt64(header.l1Size) * 8)
        var check = RefcountRelease(file: file, table: table, clusterSize: cluster, punchesHoles: false)
        for cluster in oldL1 { try check.require(cluster) }

        let plan = AppendedClusters(
            after: file.size.dividedUp(by: cluster), count: (l1Count * 8).dividedUp(by: cluster), table: table,
            clusterSize: cluster)
        let l1Offset = plan.start * cluster
        var l1 = try file.read(at: header.l1TableOffset, count: Int(header.l1Size) * 8, what: "L1 table")
        l1 += [UInt8](repeating: 0, count: Int(l1Count * 8).alignedUp(to: Int(cluster)) - l1.count)
        try output.write(l1, at: HostOffset(l1Offset))
        edit.setL1(count: l1Count, offset: l1Offset)
        if let newTable = try plan.writeCounts(file: file, bits: 1 << Int(header.refcountOrder), to: output) {
            edit.setRefcountTable(clusters: newTable.clusters, offset: newTable.offset)
        } else {
            try plan.enterBlocks(tableOffset: header.refcountTableOffset, to: output)
        }
        try edit.write(to: output)

        // Read anew: the blocks that count the old tables are where they were, but count new clusters too.
        var released = RefcountRelease(file: file, table: table, clusterSize: cluster, punchesHoles: false)
        for cluster in oldL1 { try released.release(cluster, output) }
        if plan.tableClusters > 0 {
            let length = UInt64(header.refcountTableClusters) * cluster
            for cluster in clusters(at: header.refcountTableOffset, bytes: length) {
                try released.release(cluster, output)
            }
        }
        try released.finish(output)
    }

    private func clusters(at offset: UInt64, bytes: UInt64) -> Range<UInt64> {
        let first = offset / header.clusterSize
        return first..<first + bytes.dividedUp(by: header.clusterSize)
    }
}
