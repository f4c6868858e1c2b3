import CExt2fs
package import GuestDisk

/// ext2, ext3 and ext4, by libext2fs.
///
/// The library reads and writes through a ``DeviceChannel``. What it believes too easily is looked at before it gets it:
/// ``ExtSuperblock``, the group descriptors, and each file's block map (``BlockRun``), from which contents are read without it.
/// A journal that has not been emptied is replayed onto the device first, by ``JournalReplay``.
package final class ExtFilesystem: Filesystem {
    let device: any BlockDevice
    let superblock: ExtSuperblock
    let library: LibraryHandle
    package let identity: FilesystemIdentity
    package let writability: Writability
    package let root = FileID(2)

    /// The block map that was looked at last.
    var latestRuns: (file: FileID, runs: [BlockRun])?
    /// What went wrong halfway through a change; nothing is written any more.
    var failure: GuestError?
    /// The bitmaps are in memory, and the device is not up to date.
    var hasBitmaps = false
    var isChanged = false

    package static func recognises(_ device: any BlockDevice) throws(GuestError) -> Bool {
        try ExtSuperblock.recognises(device)
    }

    package init(device: any BlockDevice) throws(GuestError) {
        self.device = device
        var superblock = try ExtSuperblock(device)
        if superblock.needsRecovery {
            try Self.recover(device, superblock)
            superblock = try ExtSuperblock(device)
        }
        self.superblock = superblock
        identity = superblock.identity
        writability = Self.writability(superblock)
        library = try LibraryHandle(device, writable: writability != .none, now: superblock.written)
        try checkGroups()
    }

    /// The filesystem as it is before its journal has been replayed, good for finding the journal only.
    init(unrecovered device: any BlockDevice, _ superblock: ExtSuperblock) throws(GuestError) {
        self.device = device
        self.superblock = superblock
        identity = superblock.identity
        writability = .none
        library = try LibraryHandle(device, writable: false, now: superblock.written)
    }

    /// Nothing is written where the bitmaps can't be trusted, and no blocks are allocated or freed where that would make the
    /// usage wrong that quota files tell.
    private static func writability(_ superblock: ExtSuperblock) -> Writability {
        guard superblock.features.unwritable.isEmpty,
            superblock.state & ExtSuperblock.stateErrors == 0, superblock.state & ExtSuperblock.stateValid != 0
        else { return .none }
        let hasQuota = superblock.has(readOnlyCompatible: ExtFeatures.ReadOnlyCompatible.quota)
        return hasQuota || superblock.blockCount > largestBitmap ? .inPlace : .full
    }

    /// Blocks of the largest filesystem whose bitmap is taken into memory: 128 MiB, 4 TiB in blocks of 4 KiB.
    private static let largestBitmap: UInt64 = 1 << 30

    /// - Throws: `damaged` if a group's bitmaps and inodes are not inside the filesystem, or a descriptor's checksum is wrong.
    private func checkGroups() throws(GuestError) {
        let filesystem = unsafe library.filesystem
        let inside = superblock.firstDataBlock..<superblock.blockCount
        for group in unsafe 0..<filesystem.pointee.group_desc_count {
            let table = unsafe ext2fs_inode_table_loc(filesystem, group)
            let tableBlocks = UInt64(unsafe filesystem.pointee.inode_blocks_per_group)
            guard unsafe ext2fs_group_desc_csum_verify(filesystem, group) != 0,
                inside.contains(unsafe ext2fs_block_bitmap_loc(filesystem, group)),
                inside.contains(unsafe ext2fs_inode_bitmap_loc(filesystem, group)),
                inside.contains(table), tableBlocks <= superblock.blockCount - table
            else { throw GuestError(.damaged, "the descriptor of block group \(group) is damaged") }
        }
    }
}
