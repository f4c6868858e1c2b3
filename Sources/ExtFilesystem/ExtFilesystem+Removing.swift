import CExt2fs
package import GuestDisk

extension ExtFilesystem {
    package func remove(_ name: [UInt8], in directory: FileID) throws(GuestError) {
        try require(.full)
        guard let file = try lookUp(name, in: directory) else {
            throw GuestError(.notFound, "directory \(directory.number) has no such file")
        }
        let inode = try inode(file, .regular, .symbolicLink, action: "removed")
        guard !name.contains(0), file.number >= UInt64(firstInode) else {
            throw damaged(directory, "an entry is impossible")
        }
        // Whoever mounts it next would cut a file that isn't there any more, or is another by then.
        guard try !isOrphan(file) else {
            throw GuestError(.unsupported, "inode \(file.number) can't be removed: it is still to be cut")
        }
        if hasBlocks(inode) { _ = try runs(of: file, inode) }
        let filesystem = unsafe library.filesystem
        let name = name.map { CChar(bitPattern: $0) } + [0]
        try change { () throws(GuestError) in
            try library.call("an entry of directory \(directory.number) can't be removed") {
                unsafe ext2fs_unlink(filesystem, UInt32(directory.number), name, UInt32(file.number), 0)
            }
            var inode = inode
            inode.links -= 1
            guard inode.links == 0 else { return try write(inode, to: file) }
            if superblock.has(incompatible: ExtFeatures.Incompatible.attributeInodes) {
                try removeAttributes(of: file)
                inode = try self.inode(file)
                inode.links = 0
            }
            inode.deleted = UInt32(clamping: unsafe filesystem.pointee.now)
            try write(inode, to: file)
            try free(file, inode)
        }
    }

    /// The first inode that isn't reserved.
    private var firstInode: UInt32 {
        let superblock = unsafe library.filesystem.pointee.super
        return unsafe superblock?.pointee.s_rev_level == 0 ? 11 : superblock?.pointee.s_first_ino ?? 11
    }

    /// Whether the field for the block map is one.
    private func hasBlocks(_ inode: ExtInode) -> Bool {
        if inode.has(ExtInode.Flags.inlineData) { return false }
        return inode.kind != .symbolicLink || inode.size >= UInt64(ExtInode.blockFieldLength)
            || inode.has(ExtInode.Flags.extents)
    }

    /// Frees an inode that no directory names, and what it has.
    private func free(_ file: FileID, _ inode: ExtInode) throws(GuestError) {
        let filesystem = unsafe library.filesystem
        let number = UInt32(file.number)
        try library.call("the blocks of inode \(file.number) can't be freed") {
            if hasBlocks(inode) {
                let code = unsafe ext2fs_punch(filesystem, number, nil, nil, 0, UInt64.max)
                guard code == 0 else { return code }
            }
            var large = ext2_inode_large()
            // Safe: as many bytes are read as the structure has.
            let code = unsafe withUnsafeMutableBytes(of: &large) { bytes in
                unsafe ext2fs_read_inode_full(
                    filesystem, number, bytes.baseAddress?.assumingMemoryBound(to: ext2_inode.self), Int32(bytes.count))
            }
            guard code == 0 else { return code }
            return unsafe ext2fs_free_ext_attr(filesystem, number, &large)
        }
        unsafe ext2fs_inode_alloc_stats2(filesystem, number, -1, 0)
    }
}
