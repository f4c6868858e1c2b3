import ByteLayout
import GuestDisk

/// Finds the blocks of an inode's data or attributes.
struct ForkMap {
    let volume: Volume
    let inode: UInt64
    let fork: Fork

    /// Calls `body` with each extent from the one on that has block `first` of the file, or the next; each reduced to what is
    /// not before `first`. Until it returns false.
    func forEachExtent(
        from first: UInt64 = 0, _ body: (Extent) throws(GuestError) -> Bool
    ) throws(GuestError) {
        var next = first
        switch fork {
        case .inline, .none: break
        case .extents(let extents): _ = try visit(extents, &next, body)
        case .tree(let root): _ = try visit(root, &next, body)
        }
    }

    /// Returns false if `body` has. `next` is the first block of the file that hasn't been told of.
    private func visit(
        _ extents: [Extent], _ next: inout UInt64, _ body: (Extent) throws(GuestError) -> Bool
    ) throws(GuestError) -> Bool {
        for extent in extents[firstIndex(in: extents, endingAfter: next)...] {
            let rest = extent.fileBlock < next ? extent.suffix(from: next) : extent
            next = rest.end
            guard try body(rest) else { return false }
        }
        return true
    }

    private func firstIndex(in extents: [Extent], endingAfter block: UInt64) -> Int {
        extents.partitioningIndex { $0.end > block }
    }

    private func visit(
        _ node: ExtentTreeNode, _ next: inout UInt64, _ body: (Extent) throws(GuestError) -> Bool
    ) throws(GuestError) -> Bool {
        switch node.content {
        case .leaf(let extents):
            return try visit(extents, &next, body)
        case .node(let children):
            for (index, entry) in children.enumerated() {
                if index + 1 < children.count {
                    // Keys that grow bound how often a leaf is read: a tree that leads back to itself can't have them.
                    guard children[index + 1].key > entry.key else {
                        throw GuestError(.damaged, "the extents of XFS inode \(inode) are not in order")
                    }
                    if children[index + 1].key <= next { continue }
                }
                let child = try ExtentTreeNode(volume, entry.child, level: node.level - 1, inode: inode)
                try requireWithin(child, entry.key, children.count > index + 1 ? children[index + 1].key : .max)
                guard try visit(child, &next, body) else { return false }
            }
            return true
        }
    }

    /// A child must tell of blocks of the file that its parent says it does, and of some.
    private func requireWithin(_ child: ExtentTreeNode, _ first: UInt64, _ end: UInt64) throws(GuestError) {
        let isWithin =
            switch child.content {
            case .leaf(let extents): extents.first?.fileBlock == first && extents.last.map { $0.end <= end } == true
            case .node(let children): children.first?.key == first && children.last.map { $0.key < end } == true
            }
        guard isWithin else { throw GuestError(.damaged, "the tree of extents of XFS inode \(inode) is damaged") }
    }

    /// The `count` blocks from block `first` of the file on, which must be there, and where the first is on the device.
    func read(at first: UInt64, count: Int = 1) throws(GuestError) -> (bytes: [UInt8], offset: UInt64) {
        var bytes: [UInt8] = []
        var offset: UInt64?
        var next = first
        let end = first + UInt64(count)
        try forEachExtent(from: first) { extent throws(GuestError) in
            guard extent.fileBlock == next, !extent.isUnwritten else { return false }
            let part = try volume.read(extent.start, count: Int(min(extent.count, end - next)))
            bytes += part.bytes
            offset = offset ?? part.offset
            next = min(extent.end, end)
            return next < end
        }
        guard next == end, let offset else {
            throw GuestError(.damaged, "XFS inode \(inode) lacks block \(next), which its other blocks name")
        }
        return (bytes, offset)
    }
}
