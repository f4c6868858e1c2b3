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

    /// The first cluster that block `index` counts.
    func firstCluster(ofBlock index: Int) -> UInt64 { UInt64(index) * table.clustersPerBlock }

    /// Whether none has a block.
    var isEmpty: Bool {
        blocks.clamped(to: table.entries.indices).allSatisfy { table.offset(ofBlock: $0) == 0 }
    }

    /// Calls `body` with each block: nil if it is absent or past the end of the file, which makes its counts 0. What is not
    /// aligned says nothing, and is left out.
    func forEachBlock(
        _ body: (_ index: Int, _ block: RefcountBlock?, _ clusters: Range<UInt64>) throws(ImageError) -> Void
    ) throws(ImageError) {
        for index in blocks where !table.isUnaligned(index) {
            let first = firstCluster(ofBlock: index)
            try body(index, try table.block(index), (first..<first + table.clustersPerBlock).clamped(to: clusters))
        }
    }

    /// Calls `body` with each cluster and its refcount.
    func forEach(_ body: (_ cluster: UInt64, _ count: UInt64) throws(ImageError) -> Void) throws(ImageError) {
        try forEachBlock { (index, block, clusters) throws(ImageError) in
            let first = firstCluster(ofBlock: index)
            for cluster in clusters { try body(cluster, block?[Int(cluster - first)] ?? 0) }
        }
    }
}
