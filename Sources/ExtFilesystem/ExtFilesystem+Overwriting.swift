import ByteLayout
package import GuestDisk

extension ExtFilesystem {
    package func capacity(of file: FileID) throws(GuestError) -> UInt64 {
        let inode = try overwritable(file)
        if inode.has(ExtInode.Flags.inlineData) { return inode.size }
        // Up to the first hole, or the first block that is only reserved.
        var blocks: UInt64 = 0
        for run in try runs(of: file, inode) {
            guard run.logical == blocks, run.isWritten else { break }
            blocks = run.end
        }
        return blocks * UInt64(superblock.blockSize)
    }

    /// - Throws: also `unsupported` if ``writability`` is `inPlace` and the content does not need the blocks that the file has
    ///   exactly: ext4 does not keep blocks behind a file's end.
    package func overwrite(_ file: FileID, with content: [UInt8]) throws(GuestError) {
        let inode = try overwritable(file)
        if writability == .inPlace {
            try overwriteInPlace(file, inode, content)
            return
        }
        if !inode.has(ExtInode.Flags.inlineData) {
            let runs = try runs(of: file, inode)
            let blocks = UInt64(content.count).dividedUp(by: UInt64(superblock.blockSize))
            let present = runs.reduce(UInt64(0)) { $0 + (min($1.end, blocks) - min($1.logical, blocks)) }
            // Reserved blocks are taken into use one by one, which can divide an extent.
            let pieces = runs.count + 1
            let splits = UInt64(runs.count { !$0.isWritten }).dividedUp(by: 64) * 2
            try requireSpace(blocks: blocks - present, pieces: pieces, besides: splits)
        } else {
            try requireSpace(blocks: UInt64(content.count).dividedUp(by: UInt64(superblock.blockSize)))
        }
        try change { () throws(GuestError) in try write(content, to: file) }
    }

    /// The inode of a regular file whose content can be replaced.
    private func overwritable(_ file: FileID) throws(GuestError) -> ExtInode {
        try require(.inPlace)
        let inode = try inode(file, .regular, action: "overwritten")
        guard !inode.has(ExtInode.Flags.verity) else {
            throw GuestError(.unsupported, "inode \(file.number) can't be overwritten: fs-verity seals it")
        }
        return inode
    }

    private func overwriteInPlace(_ file: FileID, _ inode: ExtInode, _ content: [UInt8]) throws(GuestError) {
        let blockSize = UInt64(superblock.blockSize)
        let blocks = UInt64(content.count).dividedUp(by: blockSize)
        let runs = inode.has(ExtInode.Flags.inlineData) ? [] : try runs(of: file, inode)
        let capacity = try capacity(of: file)
        let fits =
            inode.has(ExtInode.Flags.inlineData)
            ? content.count == capacity
            : blocks * blockSize == capacity && blocks == runs.reduce(0) { $0 + $1.count }
        guard fits else {
            throw GuestError(
                .unsupported, "inode \(file.number) can't be overwritten: the content needs other blocks than it has")
        }
        try change { () throws(GuestError) in try write(content, to: file) }
    }
}
