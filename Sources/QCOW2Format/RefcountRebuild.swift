import ByteLayout
import DiskImage

/// Makes new refcount blocks and a new refcount table behind the end of the file, then switches the header over to them:
/// until then the image is as it was. The old ones become free space.
struct RefcountRebuild {
    private let check: QCOW2Check
    private let output: any OutputSink

    init(_ check: QCOW2Check, _ output: any OutputSink) {
        self.check = check
        self.output = output
    }

    private var header: QCOW2Header { check.header }

    func run(_ report: CheckReport) throws(ImageError) {
        guard !check.file.isBlockDevice else {
            throw check.file.unsupported("new refcounts need room behind the image, which a device has not")
        }
        // The cluster behind the end may be touched by what ends there.
        let start = check.clusterCount + 1
        guard !check.refersBehindEnd else {
            throw check.file.damaged(
                "the image is cut short, and its refcounts are damaged: new ones would lie where data is missing",
                advice: "restore it; v2v-convert --salvage saves what is there")
        }
        var builder = RefcountBuilder(clusterSize: header.clusterSize, bits: 1 << Int(header.refcountOrder))
        var next = start
        func place(_ block: [UInt8]) throws(ImageError) {
            try output.write(block, at: HostOffset(next << UInt64(header.clusterBits)))
            try builder.placed(at: next << UInt64(header.clusterBits))
            next += 1
        }
        func placeBlocks(before cluster: UInt64) throws(ImageError) {
            while let block = builder.takeBlock(completeBefore: cluster) { try place(block) }
            try builder.skipUnused(before: cluster)
        }
        for (window, _) in try check.usedWindows() {
            let references = try check.references(to: window, refcountTable: false, report)
            for cluster in window where references[cluster] > 0 {
                try placeBlocks(before: cluster)
                builder.add(references[cluster], toCluster: cluster)
            }
        }
        try placeBlocks(before: start)
        // What counts the new blocks and the table can only be written now.
        let remaining = builder.remaining(usedClusters: next)
        let table = next
        for cluster in start..<next + remaining.table + remaining.blocks { builder.add(1, toCluster: cluster) }
        next += remaining.table
        for _ in 0..<remaining.blocks { try place(builder.takeBlock()) }
        try output.write(
            builder.table(clusters: remaining.table), at: HostOffset(table << UInt64(header.clusterBits)))
        var edit = try HeaderEdit(file: check.file, header: header)
        edit.setRefcountTable(clusters: remaining.table, offset: table << UInt64(header.clusterBits))
        try edit.write(to: output)
    }
}
