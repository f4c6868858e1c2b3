import ByteLayout
import CExt2fs
import GuestDisk

extension ExtFilesystem {
    /// Most runs of a file: what a file of 4 GiB has whose every block is elsewhere. They take 32 MiB.
    private static let maximumRuns = 1 << 20
    /// Deepest tree of extents that the kernel makes.
    private static let maximumDepth = 5

    /// Where the blocks of a file are, in order; what is missing is a hole.
    ///
    /// A map that has passed this can be walked and changed by the library: it comes to an end, is inside the filesystem, and
    /// no longer than that.
    func runs(of file: FileID, _ inode: ExtInode) throws(GuestError) -> [BlockRun] {
        if let latestRuns, latestRuns.file == file { return latestRuns.runs }
        let runs = inode.has(ExtInode.Flags.extents) ? try extentRuns(file, inode) : try pointerRuns(file)
        try check(runs, file)
        latestRuns = (file, runs)
        return runs
    }

    private func check(_ runs: [BlockRun], _ file: FileID) throws(GuestError) {
        var end: UInt64 = 0
        var total: UInt64 = 0
        for run in runs {
            guard run.logical >= end, run.physical >= max(superblock.firstDataBlock, 1), run.count > 0,
                run.physical <= superblock.blockCount, run.count <= superblock.blockCount - run.physical
            else { throw damaged(file, "its block map is damaged") }
            end = run.end
            total += run.count
            guard total <= superblock.blockCount else { throw damaged(file, "it has more blocks than the filesystem") }
        }
    }

    private func extentRuns(_ file: FileID, _ inode: ExtInode) throws(GuestError) -> [BlockRun] {
        // The library takes memory for every level that the root says there is below it.
        let map = inode.blockMap
        guard map.littleEndian(UInt16.self, at: 6) <= Self.maximumDepth else {
            throw damaged(file, "its tree of extents is too deep")
        }
        let filesystem = unsafe library.filesystem
        var runs: [BlockRun] = []
        try library.call("the extents of inode \(file.number) can't be read") {
            var handle: ext2_extent_handle_t?
            let opened = unsafe ext2fs_extent_open(filesystem, UInt32(file.number), &handle)
            guard opened == 0 else { return opened }
            defer { unsafe ext2fs_extent_free(handle) }
            var direction = EXT2_EXTENT_ROOT
            // Nodes without extents must not keep it going.
            for _ in 0..<4 * Self.maximumRuns {
                var extent = ext2fs_extent()
                let code = unsafe ext2fs_extent_get(handle, direction, &extent)
                if code == EXT2_ET_EXTENT_NO_NEXT { return 0 }
                guard code == 0 else { return code }
                direction = EXT2_EXTENT_NEXT
                guard extent.e_flags & UInt32(EXT2_EXTENT_FLAGS_LEAF) != 0 else { continue }
                Self.append(
                    BlockRun(
                        logical: extent.e_lblk, physical: extent.e_pblk, count: UInt64(extent.e_len),
                        isWritten: extent.e_flags & UInt32(EXT2_EXTENT_FLAGS_UNINIT) == 0), to: &runs)
                if runs.count > Self.maximumRuns { break }
            }
            return EXT2_ET_FILE_TOO_BIG
        }
        return runs
    }

    /// What collects the runs of a map of pointers.
    private final class Collector {
        var runs: [BlockRun] = []
    }

    private func pointerRuns(_ file: FileID) throws(GuestError) -> [BlockRun] {
        let filesystem = unsafe library.filesystem
        let collector = Collector()
        let limit = BLOCK_FLAG_DATA_ONLY | BLOCK_FLAG_READ_ONLY
        // Safe: the collector is only used during the call, in which it lives.
        let context = unsafe Unmanaged.passUnretained(collector).toOpaque()
        try library.call("the blocks of inode \(file.number) can't be read") {
            unsafe ext2fs_block_iterate3(
                filesystem, UInt32(file.number), limit, nil,
                { _, block, logical, _, _, context in
                    guard let block = unsafe block?.pointee, let context = unsafe context, logical >= 0 else {
                        return 0
                    }
                    let collector = unsafe Unmanaged<Collector>.fromOpaque(context).takeUnretainedValue()
                    ExtFilesystem.append(
                        BlockRun(logical: UInt64(logical), physical: block, count: 1, isWritten: true),
                        to: &collector.runs)
                    return collector.runs.count > ExtFilesystem.maximumRuns ? BLOCK_ABORT : 0
                }, context)
        }
        guard collector.runs.count <= Self.maximumRuns else {
            throw GuestError(.unsupported, "inode \(file.number) has more than \(Self.maximumRuns) fragments")
        }
        return collector.runs
    }

    private static func append(_ run: BlockRun, to runs: inout [BlockRun]) {
        if let last = runs.last, run.logical >= last.logical, run.logical - last.logical == last.count,
            run.physical >= last.physical, run.physical - last.physical == last.count, run.isWritten == last.isWritten
        {
            runs[runs.count - 1].count += run.count
        } else {
            runs.append(run)
        }
    }

    func damaged(_ file: FileID, _ what: String) -> GuestError {
        GuestError(.damaged, "inode \(file.number): \(what)")
    }
}
