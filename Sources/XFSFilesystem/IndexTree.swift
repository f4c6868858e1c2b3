import GuestDisk

/// The tree that finds names by their hashes.
struct IndexTree {
    let map: ForkMap
    /// The block of the file that the root is in.
    let root: UInt64
    /// Blocks of the filesystem that a block of the tree takes.
    let blocks: Int

    /// A tree is at most this high (`XFS_DA_NODE_MAXDEPTH`).
    private static let maximumLevel = 5

    /// Calls `body` with each leaf from the one on that names with `hash` begin in, until it returns false.
    func forEachLeaf(from hash: UInt32, _ body: (IndexBlock) throws(GuestError) -> Bool) throws(GuestError) {
        guard var leaf = try firstLeaf(hash) else { return }
        // A chain may lead back to itself.
        var seen: Set<UInt32> = []
        while try body(leaf), leaf.forward != 0 {
            let next = try IndexBlock(map, at: UInt64(leaf.forward), count: blocks)
            guard next.kind == leaf.kind, seen.insert(leaf.forward).inserted else { throw damaged }
            leaf = next
        }
    }

    /// The leaf that names with `hash` begin in; nil if all hashes are less.
    private func firstLeaf(_ hash: UInt32) throws(GuestError) -> IndexBlock? {
        var block = try IndexBlock(map, at: root, count: blocks)
        var above = Self.maximumLevel + 1
        while case .node(let level) = block.kind {
            guard level > 0, level < above else { throw damaged }
            above = level
            let index = block.firstIndex(notBefore: hash)
            guard index < block.count else { return nil }
            block = try IndexBlock(map, at: UInt64(block.target(at: index)), count: blocks)
            if level == 1, case .node = block.kind { throw damaged }
        }
        return block
    }

    private var damaged: GuestError {
        GuestError(.damaged, "the index of names of XFS inode \(map.inode) is damaged")
    }
}
