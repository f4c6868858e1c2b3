import ByteLayout
import CExt2fs
package import GuestDisk

extension ExtFilesystem {
    /// Most links that an inode counts.
    private static let maximumLinks: UInt16 = 65000
    /// Bytes of an attribute besides its name and value, with what fills it up, and of the header of a block of them.
    private static let attributeOverhead = 32

    /// The directory's own times stay. An empty directory can be made too.
    package func create(_ name: [UInt8], in directory: FileID, _ content: NewFile) throws(GuestError) -> FileID {
        try require(.full)
        let parent = try directoryInode(directory)
        try check(name, in: directory, parent, content)
        try requireSpace(for: content)
        let name = name.map { CChar(bitPattern: $0) } + [0]
        return try change { () throws(GuestError) in
            let file =
                if case .directory = content.content {
                    try makeDirectory(name, in: directory)
                } else {
                    try makeInode(in: directory, content)
                }
            try fill(file, content)
            if case .directory = content.content { return file }
            try link(file, name, in: directory, content)
            return file
        }
    }

    private func check(
        _ name: [UInt8], in directory: FileID, _ parent: ExtInode, _ content: NewFile
    ) throws(GuestError) {
        guard (1...255).contains(name.count), !name.contains(0), !name.contains(0x2F), name != [0x2E],
            name != [0x2E, 0x2E]
        else { throw GuestError(.unsupported, "a file can't have that name") }
        // Names that are the same but for their case would have to be looked for.
        guard !parent.has(ExtInode.Flags.caseFolded) else {
            throw GuestError(.unsupported, "files aren't made in a directory that does not distinguish case")
        }
        guard try lookUp(name, in: directory) == nil else {
            throw GuestError(.unsupported, "there is already a file of that name")
        }
        guard content.attributes.isEmpty || superblock.hasAttributes else {
            throw GuestError(.unsupported, "the filesystem has no extended attributes")
        }
        // The library does not count what it keeps of larger ones in inodes of their own.
        let length = content.attributes.reduce(0) { $0 + $1.name.count + $1.value.count + Self.attributeOverhead }
        guard length <= superblock.blockSize - Self.attributeOverhead else {
            throw GuestError(.unsupported, "the file's extended attributes are too large")
        }
        if case .directory = content.content, !(2..<Self.maximumLinks).contains(parent.links) {
            throw GuestError(.unsupported, "directory \(directory.number) has too many directories")
        }
        if case .symbolicLink(let target) = content.content,
            target.isEmpty || target.contains(0) || target.count >= superblock.blockSize
        {
            throw GuestError(.unsupported, "a symbolic link can't lead there")
        }
    }

    private func requireSpace(for content: NewFile) throws(GuestError) {
        let bytes =
            switch content.content {
            case .regular(let bytes), .symbolicLink(let bytes): bytes.count
            case .directory: superblock.blockSize
            }
        // The attributes' block; blocks by which the parent grows: a leaf, and an index block on each level above it.
        let blockSize = UInt64(superblock.blockSize)
        let attributes = content.attributes.reduce(UInt64(1)) { $0 + UInt64($1.value.count).dividedUp(by: blockSize) }
        try requireSpace(blocks: UInt64(bytes).dividedUp(by: blockSize), besides: attributes + 5)
        guard unsafe library.filesystem.pointee.super.pointee.s_free_inodes_count > 0 else {
            throw GuestError(.noSpace, "the filesystem has no free inodes")
        }
    }

    /// A new inode, without a name yet.
    private func makeInode(in directory: FileID, _ content: NewFile) throws(GuestError) -> FileID {
        let filesystem = unsafe library.filesystem
        var inode = ExtInode(size: superblock.inodeSize)
        inode.links = 1
        switch content.content {
        case .regular: inode.mode = 0x8000
        case .symbolicLink(let target):
            inode.mode = 0xA000
            if target.count < ExtInode.blockFieldLength {
                inode.blockMap = target + [UInt8](repeating: 0, count: ExtInode.blockFieldLength - target.count)
                inode.size = UInt64(target.count)
            }
        case .directory: preconditionFailure("the library makes directories")
        }
        if inode.size == 0, superblock.has(incompatible: ExtFeatures.Incompatible.extents) {
            inode.flags = ExtInode.Flags.extents
            inode.blockMap = Self.emptyTree
        }
        inode.extraSize = newExtraSize
        var number: ext2_ino_t = 0
        try library.call("no inode can be allocated") {
            unsafe ext2fs_new_inode(filesystem, UInt32(directory.number), Int32(inode.mode), nil, &number)
        }
        unsafe ext2fs_inode_alloc_stats2(filesystem, number, 1, 0)
        try write(inode, to: FileID(UInt64(number)))
        return FileID(UInt64(number))
    }

    /// The root of a tree of extents: magic, no entries of 4 that have room, depth 0.
    private static var emptyTree: [UInt8] {
        var tree = [UInt8](repeating: 0, count: ExtInode.blockFieldLength)
        tree.storeLittleEndian(UInt16(0xF30A), at: 0)
        tree.storeLittleEndian(UInt16(4), at: 4)
        return tree
    }

    /// Bytes of fields that new inodes have behind the first 128: at least those with times.
    private var newExtraSize: UInt16 {
        guard superblock.inodeSize > 128 else { return 0 }
        return min(max(superblock.extraInodeSize.multiple(of: 4), 28), UInt16(min(superblock.inodeSize - 128, 32)))
    }

    private func makeDirectory(_ name: [CChar], in directory: FileID) throws(GuestError) -> FileID {
        unsafe try linking(in: directory) { filesystem in
            unsafe ext2fs_mkdir(filesystem, UInt32(directory.number), 0, name)
        }
        guard let made = try lookUp(name.dropLast().map { UInt8(bitPattern: $0) }, in: directory) else {
            throw damaged(directory, "a new entry is not found")
        }
        return made
    }

    /// Gives a new inode its content, owner, times and attributes.
    private func fill(_ file: FileID, _ content: NewFile) throws(GuestError) {
        switch content.content {
        case .regular(let bytes): try write(bytes, to: file)
        case .symbolicLink(let target) where target.count >= ExtInode.blockFieldLength: try write(target, to: file)
        case .symbolicLink, .directory: break
        }
        var inode = try inode(file)
        inode.mode = inode.mode & 0xF000 | content.permissions & 0xFFF
        inode.owner = content.owner
        inode.group = content.group
        inode.setTimes(content.modified)
        try write(inode, to: file)
        try setAttributes(of: file, content.attributes)
    }

    private func link(
        _ file: FileID, _ name: [CChar], in directory: FileID, _ content: NewFile
    ) throws(GuestError) {
        let type = if case .symbolicLink = content.content { EXT2_FT_SYMLINK } else { EXT2_FT_REG_FILE }
        unsafe try linking(in: directory) { filesystem in
            unsafe ext2fs_link(filesystem, UInt32(directory.number), name, UInt32(file.number), type)
        }
    }

    /// Calls what makes an entry, and again with a larger directory if there is no room in it.
    private func linking(
        in directory: FileID, _ body: (UnsafeMutablePointer<struct_ext2_filsys>) -> errcode_t
    ) throws(GuestError) {
        let filesystem = unsafe library.filesystem
        try library.call("no entry can be made in directory \(directory.number)") {
            let code = unsafe body(filesystem)
            guard code == EXT2_ET_DIR_NO_SPACE else { return code }
            let expanded = unsafe ext2fs_expand_dir(filesystem, UInt32(directory.number))
            return unsafe expanded == 0 ? body(filesystem) : expanded
        }
    }
}

extension UInt16 {
    fileprivate func multiple(of unit: UInt16) -> UInt16 { self / unit * unit }
}
