import ByteLayout
import GuestDisk

/// Tells whether blocks belong to one file of one subvolume only.
struct SharedBlocks {
    private let tree: BtrfsTree
    private let nodeSize: UInt64

    init(_ tree: BtrfsTree, nodeSize: Int) {
        self.tree = tree
        self.nodeSize = UInt64(nodeSize)
    }

    /// Whether an extent of data is used once: by one file, at one place of it, unless the nodes that say so are shared.
    func isShared(extentAt address: UInt64, length: UInt64) throws(GuestError) -> Bool {
        try references(BtrfsKey(address, BtrfsKey.Kind.allocatedExtent, length)) != 1
    }

    /// Whether a node that leads to an item is also one of another subvolume: a snapshot begins with the same nodes.
    func isShared(_ path: BtrfsTree.Path) throws(GuestError) -> Bool {
        for node in path.nodes {
            let short = BtrfsKey(node.address, BtrfsKey.Kind.allocatedNode, UInt64(node.level))
            let long = BtrfsKey(node.address, BtrfsKey.Kind.allocatedExtent, nodeSize)
            if try references(short) != 1, try references(long) != 1 { return true }
        }
        return false
    }

    private func references(_ key: BtrfsKey) throws(GuestError) -> UInt64? {
        guard let item = try tree.item(key), item.count >= 8 else { return nil }
        return item.littleEndian(UInt64.self, at: 0)
    }
}
