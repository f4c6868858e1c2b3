import ByteLayout
import DiskImage

/// Counts the uses of host clusters in order and hands out refcount blocks as they become complete.
struct RefcountBuilder {
    private let clusterSize: UInt64
    private let bits: Int
    /// Clusters that one block counts.
    private let perBlock: UInt64
    /// Host offsets of the blocks that have left; 0 for those that count nothing.
    private var offsets: [UInt64] = []
    /// The blocks that have not, in order, as they will be stored.
    private var open: [RefcountBlock] = []

    init(clusterSize: UInt64, bits: Int) {
        self.clusterSize = clusterSize
        self.bits = bits
        perBlock = clusterSize * 8 / UInt64(bits)
    }

    /// Adds `count` uses of `cluster`, which must not lie in a block that has left.
    mutating func add(_ count: UInt64, toCluster cluster: UInt64) {
        let block = Int(cluster / perBlock) - offsets.count
        while open.count <= block {
            open.append(RefcountBlock([UInt8](repeating: 0, count: Int(clusterSize)), bits: bits))
        }
        // The writer keeps every count below its limit.
        open[block][Int(cluster % perBlock)] += count
    }

    /// Leaves out the blocks that count nothing and whose clusters all lie before `cluster`, up to the next that counts
    /// something. They stay absent: a sparse file has millions of them.
    mutating func skipUnused(before cluster: UInt64) throws(ImageError) {
        let count = Int(cluster / perBlock) - offsets.count
        guard open.isEmpty, count > 0 else { return }
        try requireRoom(forBlocks: offsets.count + count)
        offsets += [UInt64](repeating: 0, count: count)
    }

    /// The next block, if it counts something and all its clusters lie before `cluster`. ``placed(at:)`` must follow.
    mutating func takeBlock(completeBefore cluster: UInt64) -> [UInt8]? {
        guard !open.isEmpty, cluster >= UInt64(offsets.count + 1) * perBlock else { return nil }
        return takeBlock()
    }

    /// The next block, complete or not. ``placed(at:)`` must follow.
    mutating func takeBlock() -> [UInt8] {
        let block = open.removeFirst().bytes
        offsets.append(0)
        return block
    }

    /// Tells where the block taken last is stored.
    mutating func placed(at offset: UInt64) throws(ImageError) {
        offsets[offsets.count - 1] = offset
        try requireRoom(forBlocks: offsets.count)
    }

    private func requireRoom(forBlocks count: Int) throws(ImageError) {
        guard UInt64(count) * 8 <= QCOW2.maximumRefcountTableLength else { throw Self.tableTooLarge }
    }

    static let tableTooLarge = ImageError(
        .invalidOption, "the output needs a refcount table of more than 8 MiB, QEMU's limit",
        advice: "choose a larger -o cluster_size or a smaller refcount_bits")

    /// How many clusters the refcount table and the blocks that have not left will take, themselves counted, when
    /// `usedClusters` clusters are in use before them.
    func remaining(usedClusters: UInt64) -> (table: UInt64, blocks: UInt64) {
        var table: UInt64 = 1
        var blocks: UInt64 = 1
        while true {
            let total = (usedClusters + table + blocks).dividedUp(by: perBlock)
            let needed = (table: (total * 8).dividedUp(by: clusterSize), blocks: total - UInt64(offsets.count))
            if needed.table <= table, needed.blocks <= blocks { return (table, blocks) }
            (table, blocks) = (max(table, needed.table), max(blocks, needed.blocks))
        }
    }

    /// The refcount table, padded to `clusters` clusters.
    func table(clusters: UInt64) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Int(clusters * clusterSize))
        for (index, offset) in offsets.enumerated() { bytes.storeBigEndian(offset, at: index * 8) }
        return bytes
    }
}
