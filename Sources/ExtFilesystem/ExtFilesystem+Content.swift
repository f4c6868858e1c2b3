import CExt2fs
import GuestDisk

extension ExtFilesystem {
    /// Makes `content` what a file has, allocating and freeing blocks.
    func write(_ content: [UInt8], to file: FileID) throws(GuestError) {
        var inode = try inode(file)
        let isInline = inode.has(ExtInode.Flags.inlineData)
        if isInline, try writeInline(content, to: file) {
            inode = try self.inode(file)
            inode.size = UInt64(content.count)
            try write(inode, to: file)
            return
        }
        let filesystem = unsafe library.filesystem
        // While it moves a content out of the inode, the library takes no more than fits into its buffer of some blocks.
        let firstPart = isInline ? superblock.blockSize : Self.partLength
        try library.call("inode \(file.number) can't be written") {
            var opened: ext2_file_t?
            let code = unsafe ext2fs_file_open(filesystem, UInt32(file.number), EXT2_FILE_WRITE, &opened)
            guard code == 0, let open = unsafe opened else { return code }
            var result = unsafe Self.write(content, to: open, firstPart: firstPart)
            if result == 0 { result = unsafe ext2fs_file_set_size2(open, ext2_off64_t(content.count)) }
            let closed = unsafe ext2fs_file_close(open)
            return result == 0 ? closed : result
        }
    }

    /// False if there is no room for the content in the inode.
    private func writeInline(_ content: [UInt8], to file: FileID) throws(GuestError) -> Bool {
        // Inodes are not larger than a block.
        guard content.count < superblock.blockSize else { return false }
        let filesystem = unsafe library.filesystem
        var fits = true
        var content = content
        try library.call("inode \(file.number) can't be written") {
            unsafe content.withUnsafeMutableBytes { bytes in
                // Safe: the library copies as many bytes as it is told.
                let code = unsafe ext2fs_inline_data_set(
                    filesystem, UInt32(file.number), nil, bytes.baseAddress, bytes.count)
                fits = code != EXT2_ET_INLINE_DATA_NO_SPACE
                return fits ? code : 0
            }
        }
        return fits
    }

    /// Bytes that the library is given at once.
    private static let partLength = 1 << 20

    private static func write(_ content: [UInt8], to file: ext2_file_t, firstPart: Int) -> errcode_t {
        unsafe content.withUnsafeBytes { bytes in
            var position = 0
            while position < bytes.count {
                let length = min(position == 0 ? firstPart : partLength, bytes.count - position)
                // Safe: the part is inside the content, which is only read.
                let part = unsafe UnsafeRawBufferPointer(rebasing: bytes[position..<position + length])
                var written: UInt32 = 0
                let code = unsafe ext2fs_file_write(file, part.baseAddress, UInt32(part.count), &written)
                guard code == 0 else { return code }
                guard written > 0 else { return EXT2_ET_SHORT_WRITE }
                position += Int(written)
            }
            return 0
        }
    }
}
