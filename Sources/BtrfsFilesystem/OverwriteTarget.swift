import GuestDisk

/// What an overwrite needs to know of a file, nothing of which is shared.
struct OverwriteTarget {
    enum Place {
        /// Logical addresses, whole sectors.
        case sectors([Range<UInt64>])
        /// An item of a leaf, which has room for so many bytes of content.
        case inline(BtrfsTree.Path, room: Int)
    }

    /// The way to the item of the inode.
    var path: BtrfsTree.Path
    var inode: BtrfsInode
    var place: Place

    var capacity: UInt64 {
        switch place {
        case .sectors(let parts): parts.reduce(0) { $0 + ($1.upperBound - $1.lowerBound) }
        case .inline(_, let room): UInt64(room)
        }
    }
}
