import GuestDisk

/// A tree of items, ordered by their keys.
struct BtrfsTree {
    /// Where a tree, or a part of it, begins.
    struct Root: Equatable {
        /// Logical.
        var address: UInt64
        /// 0 for a leaf. What a pointer leads to is one level lower, so that there is no loop.
        var level: UInt8
        /// Of the transaction that wrote the node.
        var generation: UInt64
    }

    private let space: LogicalSpace
    let root: Root

    /// Most levels of a tree.
    private static let levels: UInt8 = 8

    init(_ space: LogicalSpace, _ root: Root) throws(GuestError) {
        guard root.level < Self.levels else { throw GuestError(.damaged, "a btrfs tree is too high") }
        self.space = space
        self.root = root
    }

    /// What the item with exactly this key has.
    func item(_ key: BtrfsKey) throws(GuestError) -> [UInt8]? {
        guard let found = try lastItem(notAfter: key), found.key == key else { return nil }
        return found.data
    }

    /// The last item whose key is not greater than `key`.
    func lastItem(notAfter key: BtrfsKey) throws(GuestError) -> (key: BtrfsKey, data: [UInt8])? {
        try path(toLastItemNotAfter: key).map { ($0.key, $0.data) }
    }

    /// The way to the last item whose key is not greater than `key`.
    func path(toLastItemNotAfter key: BtrfsKey) throws(GuestError) -> Path? {
        var nodes = [try space.node(root)]
        while let node = nodes.last, let index = node.lastIndex(notAfter: key) {
            if node.level == 0 { return Path(nodes: nodes, index: index) }
            nodes.append(try child(node, index))
        }
        return nil
    }

    /// The nodes that lead to an item, from the root to the leaf.
    struct Path {
        var nodes: [BtrfsNode]
        /// Of the item in the leaf.
        var index: Int

        var leaf: BtrfsNode { nodes[nodes.count - 1] }
        var key: BtrfsKey { leaf.key(index) }
        var data: [UInt8] { leaf.data(index) }
    }

    /// Calls `body` with the items of `type` that `object` has, in order, from `offset` on, until it returns false.
    func forEachItem(
        of object: UInt64, _ type: UInt8, from offset: UInt64 = 0,
        _ body: (_ key: BtrfsKey, _ data: [UInt8]) throws(GuestError) -> Bool
    ) throws(GuestError) {
        let range = BtrfsKey(object, type, offset)...BtrfsKey(object, type, .max)
        var previous: BtrfsKey?
        _ = try visit(space.node(root), range, &previous, body)
    }

    /// - Parameter previous: the last key that was seen: leaves in another order have been put together by someone who wants
    ///   to see them visited again and again.
    private func visit(
        _ node: BtrfsNode, _ range: ClosedRange<BtrfsKey>, _ previous: inout BtrfsKey?,
        _ body: (_ key: BtrfsKey, _ data: [UInt8]) throws(GuestError) -> Bool
    ) throws(GuestError) -> Bool {
        let start =
            node.level == 0
            ? node.firstIndex(notBefore: range.lowerBound) : node.lastIndex(notAfter: range.lowerBound) ?? 0
        for index in start..<max(node.count, start) {
            let key = node.key(index)
            guard key <= range.upperBound else { return false }
            if node.level > 0 {
                guard try visit(child(node, index), range, &previous, body) else { return false }
            } else {
                guard previous.map({ $0 < key }) ?? true else {
                    throw GuestError(.damaged, "the leaves of a btrfs tree are not in order")
                }
                previous = key
                guard try body(key, node.data(index)) else { return false }
            }
        }
        return true
    }

    private func child(_ node: BtrfsNode, _ index: Int) throws(GuestError) -> BtrfsNode {
        let child = try space.node(node.child(index))
        guard child.count > 0, child.key(0) == node.key(index) else {
            throw GuestError(.damaged, "a node of a btrfs tree does not begin with the key by which it was found")
        }
        return child
    }
}
