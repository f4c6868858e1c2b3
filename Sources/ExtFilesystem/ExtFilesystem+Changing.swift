import ByteLayout
import CExt2fs
package import GuestDisk
import Locking

/// What all changes have in common.
extension ExtFilesystem {
    /// One filesystem of the process is changed at a time: the library clears blocks from a buffer that all share.
    private static let changes = Guarded(())

    /// - Throws: `unsupported` unless ``writability`` is at least `needed`; what went wrong halfway through an earlier change.
    func require(_ needed: Writability) throws(GuestError) {
        if let failure { throw failure }
        switch (writability, needed) {
        case (.full, _), (.inPlace, .inPlace), (_, .none): return
        case (.inPlace, .full):
            throw GuestError(
                .unsupported, "the filesystem has quota files, or is too large: no blocks of it are allocated or freed")
        case (.none, _):
            let features = superblock.features.unwritable
            throw GuestError(
                .unsupported,
                features.isEmpty
                    ? "the filesystem isn't written to: it was not unmounted, or has errors"
                    : "the filesystem isn't written to: it has features that are not known: "
                        + features.joined(separator: ", "))
        }
    }

    /// Runs `body`, which changes the filesystem. What should be found out before anything is changed has been; if it fails,
    /// nothing is written any more.
    func change<Result>(_ body: () throws(GuestError) -> Result) throws(GuestError) -> Result {
        try readBitmaps()
        latestRuns = nil
        var outcome: Swift.Result<Result, GuestError>?
        Self.changes.withLock { _ in
            do throws(GuestError) {
                outcome = .success(try body())
            } catch {
                failure = error
                outcome = .failure(error)
            }
        }
        isChanged = true
        guard let outcome else { preconditionFailure("the body has been run") }
        return try outcome.get()
    }

    /// Reads which blocks and inodes are in use.
    func readBitmaps() throws(GuestError) {
        guard !hasBitmaps else { return }
        let filesystem = unsafe library.filesystem
        try library.call("the bitmaps can't be read") { unsafe ext2fs_read_bitmaps(filesystem) }
        hasBitmaps = true
        // The kernel only keeps the groups' counts up to date, and adds them up when it mounts.
        var blocks: UInt64 = 0
        var inodes: UInt32 = 0
        for group in unsafe 0..<filesystem.pointee.group_desc_count {
            blocks += UInt64(unsafe ext2fs_bg_free_blocks_count(filesystem, group))
            inodes &+= unsafe ext2fs_bg_free_inodes_count(filesystem, group)
        }
        unsafe ext2fs_free_blocks_count_set(filesystem.pointee.super, blocks * blocksPerCluster)
        unsafe filesystem.pointee.super.pointee.s_free_inodes_count = inodes
    }

    /// Blocks that are allocated at once.
    private var blocksPerCluster: UInt64 {
        1 << UInt64(unsafe library.filesystem.pointee.cluster_ratio_bits)
    }

    /// Throws `noSpace` unless `blocks` of content, and what it takes to find them, can be allocated in `pieces` or fewer, so
    /// that no change ends halfway. Asks for a little more than is needed.
    func requireSpace(blocks: UInt64, pieces: Int = 1, besides others: UInt64 = 0) throws(GuestError) {
        try readBitmaps()
        // Pointers of 4 bytes in ext2 and ext3, the smallest that a map can be made of.
        let pointers = UInt64(superblock.blockSize / 4)
        let map = blocks == 0 ? 0 : blocks.dividedUp(by: pointers) + blocks.dividedUp(by: pointers * pointers) + 5
        let clusters =
            (blocks.dividedUp(by: blocksPerCluster) + UInt64(blocksPerCluster > 1 ? pieces : 0)) + map + others
        let free = unsafe ext2fs_free_blocks_count(library.filesystem.pointee.super)
        guard clusters <= free / blocksPerCluster else {
            throw GuestError(
                .noSpace, "the filesystem has \(free) free blocks of \(superblock.blockSize) bytes; more are needed")
        }
    }

    /// Writes an inode as it is given.
    func write(_ inode: ExtInode, to file: FileID) throws(GuestError) {
        let filesystem = unsafe library.filesystem
        var bytes = inode.bytes
        try library.call("inode \(file.number) can't be written") {
            unsafe bytes.withUnsafeMutableBytes { buffer in
                // Safe: the library takes as many bytes as it is told.
                unsafe ext2fs_write_inode_full(
                    filesystem, UInt32(file.number), buffer.baseAddress?.assumingMemoryBound(to: ext2_inode.self),
                    Int32(buffer.count))
            }
        }
    }

    package func flush() throws(GuestError) {
        if let failure { throw failure }
        guard isChanged else { return }
        let filesystem = unsafe library.filesystem
        try library.call("the filesystem can't be written") { unsafe ext2fs_flush(filesystem) }
        isChanged = false
    }
}
