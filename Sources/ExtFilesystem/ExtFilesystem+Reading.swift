import ByteLayout
import CExt2fs
package import GuestDisk

extension ExtFilesystem {
    func inode(_ file: FileID) throws(GuestError) -> ExtInode {
        guard file.number > 0, file.number <= UInt64(superblock.inodeCount) else {
            throw GuestError(.damaged, "there is no inode \(file.number): the filesystem has \(superblock.inodeCount)")
        }
        let filesystem = unsafe library.filesystem
        var inode = ExtInode(size: superblock.inodeSize)
        try library.call("inode \(file.number) can't be read") {
            unsafe inode.bytes.withUnsafeMutableBytes { bytes in
                // Safe: the library fills as many bytes as it is told.
                unsafe ext2fs_read_inode_full(
                    filesystem, UInt32(file.number), bytes.baseAddress?.assumingMemoryBound(to: ext2_inode.self),
                    Int32(bytes.count))
            }
        }
        return inode
    }

    /// The inode of a file in use, which must be one of `kinds`.
    func inode(_ file: FileID, _ kinds: FileStatus.Kind..., action: String) throws(GuestError) -> ExtInode {
        let inode = try inode(file)
        guard let kind = inode.kind, inode.links > 0 else { throw damaged(file, "it is not in use") }
        guard kinds.contains(kind) else {
            throw GuestError(.unsupported, "inode \(file.number) can't be \(action): it is not of the right type")
        }
        guard !inode.has(ExtInode.Flags.encrypted) else {
            throw GuestError(.unsupported, "inode \(file.number) can't be \(action): it is encrypted")
        }
        return inode
    }

    package func status(of file: FileID) throws(GuestError) -> FileStatus {
        let inode = try inode(file)
        guard let kind = inode.kind, inode.links > 0 else { throw damaged(file, "it is not in use") }
        guard inode.size <= UInt64(Int64.max) else { throw damaged(file, "its size is impossible") }
        return FileStatus(
            kind: kind, permissions: inode.mode & 0xFFF, owner: inode.owner, group: inode.group, size: inode.size,
            links: UInt32(inode.links), modified: inode.modified)
    }

    package func readLink(_ link: FileID) throws(GuestError) -> [UInt8] {
        let inode = try inode(link, .symbolicLink, action: "followed")
        guard inode.size < UInt64(superblock.blockSize) else { throw damaged(link, "a symbolic link is too long") }
        if inode.has(ExtInode.Flags.inlineData) {
            return Array(try inlineData(link, inode).prefix(Int(inode.size)))
        }
        if inode.size < UInt64(ExtInode.blockFieldLength), !inode.has(ExtInode.Flags.extents) {
            return Array(inode.blockMap.prefix(Int(inode.size)))
        }
        return try content(link, inode, at: 0, count: Int(inode.size))
    }

    package func read(_ file: FileID, at offset: UInt64, count: Int) throws(GuestError) -> [UInt8] {
        let inode = try inode(file, .regular, action: "read")
        guard inode.size <= UInt64(Int64.max) else { throw damaged(file, "its size is impossible") }
        guard offset < inode.size, count > 0 else { return [] }
        let count = Int(min(UInt64(count), inode.size - offset))
        if inode.has(ExtInode.Flags.inlineData) {
            // What the inode has no bytes for is zeros.
            var bytes = try inlineData(file, inode)
            if inode.size > bytes.count {
                guard inode.size <= UInt64(superblock.blockSize) else { throw damaged(file, "its size is impossible") }
                bytes += [UInt8](repeating: 0, count: Int(inode.size) - bytes.count)
            }
            return Array(bytes[Int(offset)..<Int(offset) + count])
        }
        return try content(file, inode, at: offset, count: count)
    }

    /// The bytes of a file with a block map.
    private func content(
        _ file: FileID, _ inode: ExtInode, at offset: UInt64, count: Int
    ) throws(GuestError) -> [UInt8] {
        let blockSize = UInt64(superblock.blockSize)
        let range = offset..<offset + UInt64(count)
        let runs = try runs(of: file, inode)
        var bytes = [UInt8](repeating: 0, count: count)
        let first = runs.firstIndex(endingBehind: range.lowerBound / blockSize)
        for run in runs[first...] {
            guard run.logical * blockSize < range.upperBound else { break }
            guard run.isWritten else { continue }
            let part = (run.logical * blockSize..<run.end * blockSize).clamped(to: range)
            try device.read(
                at: run.physical * blockSize + (part.lowerBound - run.logical * blockSize), count: part.count,
                into: &bytes, at: Int(part.lowerBound - offset))
        }
        return bytes
    }

    /// What is in the inode itself, and in an extended attribute if that is too small.
    func inlineData(_ file: FileID, _ inode: ExtInode) throws(GuestError) -> [UInt8] {
        let filesystem = unsafe library.filesystem
        var bytes = [UInt8](repeating: 0, count: superblock.inodeSize + superblock.blockSize)
        var length = 0
        try library.call("the content of inode \(file.number) can't be read") {
            let code = unsafe ext2fs_inline_data_size(filesystem, UInt32(file.number), &length)
            guard code == 0 else { return code }
            guard length <= bytes.count else { return EXT2_ET_INLINE_DATA_NO_SPACE }
            return unsafe bytes.withUnsafeMutableBytes { buffer in
                // Safe: the library copies as many bytes as it has just told.
                unsafe ext2fs_inline_data_get(filesystem, UInt32(file.number), nil, buffer.baseAddress, &length)
            }
        }
        return Array(bytes.prefix(length))
    }
}

extension [BlockRun] {
    /// The first run that ends behind block `logical` of the file; runs are in order.
    func firstIndex(endingBehind logical: UInt64) -> Int {
        partitioningIndex { $0.end > logical }
    }
}

extension BlockDevice {
    /// Reads `count` bytes from `offset` of the device into `bytes`, from index `start` on.
    fileprivate func read(
        at offset: UInt64, count: Int, into bytes: inout [UInt8], at start: Int
    ) throws(GuestError) {
        precondition(start >= 0 && count >= 0 && count <= bytes.count - start, "a part of the bytes")
        var problem: GuestError?
        unsafe bytes.withUnsafeMutableBytes { buffer in
            do throws(GuestError) {
                // Safe: checked above.
                unsafe try read(
                    at: offset, into: UnsafeMutableRawBufferPointer(rebasing: buffer[start..<start + count]))
            } catch {
                problem = error
            }
        }
        if let problem { throw problem }
    }
}
