import ByteLayout
import DiskImage

/// Clusters behind the end of a file: those that are wanted, the refcount blocks that count them all, and, if the refcount
/// table has no room for these, a longer one:
/// ```
///  … the file │ wanted clusters │ new refcount blocks │ new refcount table
/// ```
/// Free clusters of the file can be counted along with them.
struct AppendedClusters {
    private let table: RefcountTable
    private let file: ImageFile
    private let header: QCOW2Header
    private var clusterSize: UInt64 { header.clusterSize }
    /// The first of them.
    let start: UInt64
    /// How many are wanted.
    private let wanted: UInt64
    /// Free clusters of the file, in its order.
    private let reused: [UInt64]
    /// The numbers of the new blocks.
    private var newBlocks: [Int] = []
    /// Clusters of the new refcount table; 0 if the old one has room.
    private(set) var tableClusters: UInt64 = 0

    /// - Parameters:
    ///   - end: the first cluster behind the file.
    ///   - reused: clusters of the file that are counted too, in its order; their refcount blocks exist.
    /// - Throws: `inputDamaged` if the refcounts must be repaired first.
    init(
        after end: UInt64, count: UInt64, reusing reused: [UInt64] = [], table: RefcountTable, file: ImageFile,
        header: QCOW2Header
    ) throws(ImageError) {
        self.table = table
        self.file = file
        self.header = header
        self.reused = reused
        start = end
        wanted = count
        // Each round may add what must be counted in its turn.
        while true {
            let blocks = self.blocks.filter { table.place(ofBlock: $0) == .absent }
            let last = UInt64(self.blocks.upperBound)
            let needed = last > UInt64(table.entries.count) ? (last * 8).dividedUp(by: clusterSize) : 0
            if blocks.count == newBlocks.count, needed == tableClusters { break }
            newBlocks = blocks
            tableClusters = needed
        }
        try forEachBlock { _, _ in }
    }

    /// All of them that are behind the end.
    private var clusters: Range<UInt64> { start..<start + wanted + UInt64(newBlocks.count) + tableClusters }

    /// The numbers of the blocks that count those.
    private var blocks: Range<Int> {
        guard !clusters.isEmpty else { return 0..<0 }
        return Int(clusters.lowerBound / table.clustersPerBlock)..<Int(
            (clusters.upperBound - 1) / table.clustersPerBlock) + 1
    }

    /// Where the new block number `index` of ``newBlocks`` is.
    private func offset(ofNewBlock index: Int) -> UInt64 { (start + wanted + UInt64(index)) * clusterSize }

    /// Calls `body` with the blocks that count them, old and new, as they will be, and where they go. One block at a time
    /// is in memory.
    private func forEachBlock(
        _ body: (_ block: RefcountBlock, _ offset: UInt64) throws(ImageError) -> Void
    ) throws(ImageError) {
        var reused = reused[...]
        let indices = Set(reused.map { Int($0 / table.clustersPerBlock) }).union(blocks)
        for index in indices.sorted() {
            var (offset, block) = try self.block(index)
            let first = UInt64(index) * table.clustersPerBlock
            let counted = first..<first + table.clustersPerBlock
            let ours = reused.prefix { counted.contains($0) }
            reused = reused.dropFirst(ours.count)
            for cluster in Array(ours) + clusters.clamped(to: counted) {
                guard block[Int(cluster - first)] == 0 else {
                    throw file.damaged(
                        "the refcounts say that clusters behind the end of the file are in use",
                        advice: "repair it first: v2v-convert check -r all")
                }
                block[Int(cluster - first)] = 1
            }
            try body(block, offset)
        }
    }

    /// The block number `index` as it is, empty if it is new.
    private func block(_ index: Int) throws(ImageError) -> (offset: UInt64, block: RefcountBlock) {
        if let number = newBlocks.firstIndex(of: index) {
            let empty = [UInt8](repeating: 0, count: Int(clusterSize))
            return (offset(ofNewBlock: number), RefcountBlock(empty, bits: 1 << Int(header.refcountOrder)))
        }
        guard let old = try table.block(index) else {
            throw file.damaged(
                "refcount block \(index) is not inside the file", advice: "repair it first: v2v-convert check -r all")
        }
        return (old.offset, old.counts)
    }

    /// Writes the counts into old and new blocks, and the new refcount table. Until a header or a table leads to them the
    /// clusters are merely lost.
    ///
    /// What is counted is there before: counts behind the end of the file would stand in the way of the next change.
    /// - Returns: the new table, if there is one.
    func writeCounts(to output: any OutputSink) throws(ImageError) -> (offset: UInt64, clusters: UInt64)? {
        let tableOffset = (clusters.upperBound - tableClusters) * clusterSize
        if tableClusters > 0 { try output.write(tableBytes, at: HostOffset(tableOffset)) }
        try forEachBlock { (block, offset) throws(ImageError) in
            if offset >= start * clusterSize { try output.write(block.bytes, at: HostOffset(offset)) }
        }
        if !clusters.isEmpty { try output.barrier() }
        try forEachBlock { (block, offset) throws(ImageError) in
            if offset < start * clusterSize { try output.write(block.bytes, at: HostOffset(offset)) }
        }
        return tableClusters > 0 ? (tableOffset, tableClusters) : nil
    }

    /// The new refcount table.
    private var tableBytes: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Int(tableClusters * clusterSize))
        for (index, entry) in table.entries.enumerated() { bytes.storeBigEndian(entry, at: index * 8) }
        for (number, index) in newBlocks.enumerated() {
            bytes.storeBigEndian(offset(ofNewBlock: number), at: index * 8)
        }
        return bytes
    }

    /// Enters the new blocks, which are written, into the refcount table that is there. Each is itself counted by one that
    /// is not before it, so the last one comes first.
    func enterBlocks(tableOffset: UInt64, to output: any OutputSink) throws(ImageError) {
        guard !newBlocks.isEmpty else { return }
        try output.barrier()
        for (number, index) in newBlocks.enumerated().reversed() {
            var entry = [UInt8](repeating: 0, count: 8)
            entry.storeBigEndian(offset(ofNewBlock: number), at: 0)
            try output.write(entry, at: HostOffset(tableOffset + UInt64(index) * 8))
            try output.barrier()
        }
    }
}
