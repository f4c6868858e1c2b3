/// Hands out host clusters one after the other, with a refcount block in front of the first cluster that none counts yet.
struct QCOW2ClusterSequence {
    /// Clusters that a refcount block counts.
    private let clustersPerBlock: UInt64
    /// Clusters handed out so far, refcount blocks included.
    private(set) var count: UInt64 = 0
    /// Refcount blocks among them.
    private var blockCount: UInt64 = 0

    init(clustersPerBlock: UInt64) {
        self.clustersPerBlock = clustersPerBlock
    }

    /// Hands out `clusters` clusters without a block among them.
    mutating func skip(_ clusters: UInt64) {
        count += clusters
    }

    /// The next cluster.
    /// - Parameter block: gets the cluster and the number of each refcount block that comes before it.
    mutating func next<Failure: Error>(block: (_ cluster: UInt64, _ number: UInt64) throws(Failure) -> Void)
        throws(Failure) -> UInt64
    {
        while blockCount * clustersPerBlock <= count { try takeBlock(block) }
        count += 1
        return count - 1
    }

    /// Hands out the blocks that are still missing for what has been handed out.
    mutating func complete<Failure: Error>(block: (_ cluster: UInt64, _ number: UInt64) throws(Failure) -> Void)
        throws(Failure)
    {
        while blockCount * clustersPerBlock < count { try takeBlock(block) }
    }

    private mutating func takeBlock<Failure: Error>(
        _ block: (_ cluster: UInt64, _ number: UInt64) throws(Failure) -> Void
    ) throws(Failure) {
        try block(count, blockCount)
        count += 1
        blockCount += 1
    }
}
