import GuestDisk

/// The superblock: where the roots of the trees are, as of the last transaction that is whole.
/// Facts from the kernel's public header `btrfs_tree.h` and the documentation of the on-disk format.
struct BtrfsSuperblock {
    /// Bytes of it, whatever the size of sectors.
    static let length = 4096
    static let magic: UInt64 = 0x4D5F_5366_5248_425F
    /// Where it and its copies are, as far as the device reaches.
    static let offsets: [UInt64] = [64 << 10, 64 << 20, 256 << 30]

    var checksum: BtrfsChecksum
    /// The UUID that blkid tells.
    var fsid: [UInt8]
    /// The UUID that nodes bear: the same unless it was changed afterwards.
    var metadataUUID: [UInt8]
    var generation: UInt64
    /// The roots of the tree of trees, and of the tree of chunks.
    var root: BtrfsTree.Root
    var chunkRoot: BtrfsTree.Root
    /// Bytes: 4096 … 64 KiB, powers of two.
    var sectorSize: Int
    var nodeSize: Int
    /// The number of the device in chunks.
    var deviceID: UInt64
    /// Chunks that are needed to find the tree of chunks, each behind its key.
    var systemChunks: [UInt8]
    /// Files were flushed after the transaction; what they should have is in a tree of its own.
    var hasLog: Bool
    /// Why nothing is written, beside the log; nil if nothing prevents it.
    var obstacle: String?
    /// Nil if there is none.
    var label: String?
}
