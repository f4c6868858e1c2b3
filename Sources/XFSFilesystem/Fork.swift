/// Where an inode has its data, or its attributes.
enum Fork {
    /// In the inode itself (`local`): short directories, links and lists of attributes.
    case inline([UInt8])
    /// In blocks that the inode lists (`extents`).
    case extents([Extent])
    /// In blocks that a tree lists (`btree`), whose root is in the inode.
    case tree(ExtentTreeNode)
    /// Nowhere: the inode of a device, a FIFO or a socket.
    case none
}
