import DiskImage

/// The refcounts that an image stores for a window of its clusters.
struct StoredRefcounts {
    private let table: RefcountTable
    let clusters: Range<UInt64>

    init(_ table: RefcountTable, clusters: Range<UInt64>) {
        self.table = table
        self.clusters = clusters
    }

    /// The blocks, by number, that count them.
    private var blocks: Range<Int> {
        let last = (clusters.upperBound - 1) / table.clustersPerBlock
        return Int(clusters.lowerBound / table.clustersPerBlock)..<Int(last + 1)
    }

    /// Whether none has a block.
    var isEmpty: Bool {
        blocks.clamped(to: table.entries.indices).allSatisfy { table.place(ofBlock: $0) == .absent }
    }

    /// Calls `body` with the first cluster of each block and the block: nil if it is absent or past the end of the file, which makes its counts 0. What is not
    /// aligned says nothing, and is left out.
    func forEachBlock(
        _ body: (_ first: UInt64, _ block: (offset: UInt64, counts: RefcountBlock)?, _ clusters: Range<UInt64>)
            throws(ImageError) -> Void
    ) throws(ImageError) {
        for index in blocks where table.place(ofBlock: index) != .unaligned {
            let first = UInt64(index) * table.clustersPerBlock
            try body(first, try table.block(index), (first..<first + table.clustersPerBlock).clamped(to: clusters))
        }
    }

    /// Calls `body` with each cluster and its refcount.
    func forEach(_ body: (_ cluster: UInt64, _ count: UInt64) throws(ImageError) -> Void) throws(ImageError) {
        try forEachBlock { (first, block, clusters) throws(ImageError) in
            for cluster in clusters { try body(cluster, block?.counts[Int(cluster - first)] ?? 0) }
        }
    }
}
