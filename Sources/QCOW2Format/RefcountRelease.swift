import ByteLayout
import DiskImage

/// Gives clusters back that nothing refers to any more: counts them down, a block of refcounts at a time.
struct RefcountRelease {
    private let file: ImageFile
    private let table: RefcountTable
    private let clusterSize: UInt64
    private let punchesHoles: Bool
    /// The block that was looked at last, and whether it has changed.
    private var current: (index: Int, offset: UInt64, block: RefcountBlock, isChanged: Bool)?
    /// Clusters whose count has become 0 and whose storage has not been given back yet.
    private var freed: Range<UInt64> = 0..<0

    /// - Parameter punchesHoles: the storage of clusters that are free is given back to the filesystem.
    init(file: ImageFile, table: RefcountTable, clusterSize: UInt64, punchesHoles: Bool) {
        self.file = file
        self.table = table
        self.clusterSize = clusterSize
        self.punchesHoles = punchesHoles
    }

    /// Throws unless `cluster` is counted.
    mutating func require(_ cluster: UInt64) throws(ImageError) {
        _ = try count(of: cluster)
    }

    /// Counts one use of `cluster` less.
    mutating func release(_ cluster: UInt64, _ output: any OutputSink) throws(ImageError) {
        if let current, current.index != index(of: cluster) { try flush(output) }
        let count = try count(of: cluster)
        current?.block[Int(cluster % table.clustersPerBlock)] = count - 1
        current?.isChanged = true
        guard punchesHoles, count == 1 else { return }
        if cluster != freed.upperBound {
            try punch(output)
            freed = cluster..<cluster
        }
        freed = freed.lowerBound..<cluster + 1
    }

    /// Writes what is not written yet.
    mutating func finish(_ output: any OutputSink) throws(ImageError) {
        try flush(output)
        try punch(output)
        try output.barrier()
    }

    private func index(of cluster: UInt64) -> Int { Int(cluster / table.clustersPerBlock) }

    /// The count of `cluster`, whose block becomes the current one.
    private mutating func count(of cluster: UInt64) throws(ImageError) -> UInt64 {
        let index = index(of: cluster)
        if current?.index != index { current = try table.block(index).map { (index, $0.offset, $0.counts, false) } }
        guard let count = current?.block[Int(cluster % table.clustersPerBlock)], count > 0 else {
            throw file.damaged(
                "a cluster in use is not counted", at: cluster * clusterSize,
                advice: "repair it first: v2v-convert check -r all")
        }
        return count
    }

    private mutating func flush(_ output: any OutputSink) throws(ImageError) {
        guard let current, current.isChanged else { return }
        try output.write(current.block.bytes, at: HostOffset(current.offset))
        self.current = nil
    }

    private mutating func punch(_ output: any OutputSink) throws(ImageError) {
        guard !freed.isEmpty else { return }
        try output.writeZeros(
            at: HostOffset(freed.lowerBound * clusterSize), length: UInt64(freed.count) * clusterSize)
        freed = 0..<0
    }
}
