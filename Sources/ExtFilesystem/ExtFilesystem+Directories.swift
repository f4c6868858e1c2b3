import CExt2fs
package import GuestDisk

extension ExtFilesystem {
    /// The inode of a directory whose blocks can be gone through: they come to an end.
    func directoryInode(_ directory: FileID) throws(GuestError) -> ExtInode {
        let inode = try inode(directory, .directory, action: "searched")
        if !inode.has(ExtInode.Flags.inlineData) { _ = try runs(of: directory, inode) }
        return inode
    }

    package func lookUp(_ name: [UInt8], in directory: FileID) throws(GuestError) -> FileID? {
        _ = try directoryInode(directory)
        guard (1...255).contains(name.count) else { return nil }
        let filesystem = unsafe library.filesystem
        var found: ext2_ino_t = 0
        var isThere = true
        try library.call("directory \(directory.number) can't be searched") {
            unsafe name.withUnsafeBytes { bytes in
                // Safe: the library compares as many bytes as it is told.
                let code = unsafe ext2fs_lookup(
                    filesystem, UInt32(directory.number), bytes.baseAddress?.assumingMemoryBound(to: CChar.self),
                    Int32(bytes.count), nil, &found)
                isThere = code != EXT2_ET_FILE_NOT_FOUND
                return isThere ? code : 0
            }
        }
        return isThere ? FileID(UInt64(found)) : nil
    }

    package func forEachEntry(
        of directory: FileID, _ body: (_ name: [UInt8], _ file: FileID) throws(GuestError) -> Bool
    ) throws(GuestError) {
        _ = try directoryInode(directory)
        let filesystem = unsafe library.filesystem
        var problem: GuestError?
        try withoutActuallyEscaping(body) { body throws(GuestError) in
            let visitor = EntryVisitor(body)
            // Safe: the visitor is only used during the call, in which it lives.
            let context = unsafe Unmanaged.passUnretained(visitor).toOpaque()
            try library.call("directory \(directory.number) can't be read") {
                unsafe ext2fs_dir_iterate2(
                    filesystem, UInt32(directory.number), 0, nil,
                    { _, kind, entry, _, _, _, context in
                        guard kind != DIRENT_DOT_FILE, kind != DIRENT_DOT_DOT_FILE, let entry = unsafe entry,
                            let context = unsafe context
                        else { return 0 }
                        let visitor = unsafe Unmanaged<EntryVisitor>.fromOpaque(context).takeUnretainedValue()
                        return unsafe visitor.visit(entry) ? 0 : DIRENT_ABORT
                    }, context)
            }
            problem = visitor.problem
        }
        if let problem { throw problem }
    }
}

/// What the library calls for each entry of a directory.
private final class EntryVisitor {
    private let body: (_ name: [UInt8], _ file: FileID) throws(GuestError) -> Bool
    var problem: GuestError?

    init(_ body: @escaping (_ name: [UInt8], _ file: FileID) throws(GuestError) -> Bool) {
        self.body = body
    }

    /// False if there should be no more.
    func visit(_ entry: UnsafeMutablePointer<ext2_dir_entry>) -> Bool {
        // Safe: the library has verified that the name is inside the block. It is at byte 8 of the entry, and need not have
        // all the 255 bytes that the type says.
        let length = Int(unsafe ext2fs_dirent_name_len(entry))
        let name = unsafe [UInt8](UnsafeRawBufferPointer(start: UnsafeRawPointer(entry) + 8, count: length))
        if name == [0x2E] || name == [0x2E, 0x2E] { return true }
        do throws(GuestError) {
            return try body(name, FileID(UInt64(unsafe entry.pointee.inode)))
        } catch {
            problem = error
            return false
        }
    }
}
