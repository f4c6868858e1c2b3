import ByteLayout
package import GuestDisk

extension XFSFilesystem {
    /// What the file's first blocks hold, up to the first that is missing or was never written.
    package func capacity(of file: FileID) throws(GuestError) -> UInt64 {
        let extents = try writableExtents(of: regularFile(file), upTo: .max)
        return (extents.last?.end ?? 0) * UInt64(volume.geometry.blockSize)
    }

    /// Blocks that are behind the new end stay the file's, as if they had been allocated ahead: the kernel frees them when it
    /// next closes the file after a change. The inode is only changed in its size and checksum: neither its count of changes
    /// (`di_changecount`) nor its place in the log (`di_lsn`) is, since nothing has been logged.
    package func overwrite(_ file: FileID, with content: [UInt8]) throws(GuestError) {
        if let whyNotWritable { throw whyNotWritable }
        let inode = try regularFile(file)
        let blockSize = UInt64(volume.geometry.blockSize)
        let blocks = UInt64(content.count).dividedUp(by: blockSize)
        let extents = try writableExtents(of: inode, upTo: blocks)
        let capacity = (extents.last?.end ?? 0) * blockSize
        guard UInt64(content.count) <= capacity else {
            throw GuestError(
                .noSpace, "the file of XFS inode \(file.number) has room for \(capacity) bytes, not \(content.count)")
        }
        for extent in extents {
            let start = Int(extent.fileBlock * blockSize)
            let end = min(content.count, Int(min(extent.end, blocks) * blockSize))
            var part = Array(content[start..<end])
            part += [UInt8](repeating: 0, count: part.count.alignedUp(to: Int(blockSize)) - part.count)
            try volume.device.write(part, at: volume.offset(of: extent.start, count: extent.count))
        }
        if inode.status.size != UInt64(content.count) { try setSize(UInt64(content.count), of: inode) }
    }

    /// The extents that follow each other from the beginning of the file on, have been written to, and have one of the first
    /// `limit` blocks.
    /// - Throws: `unsupported` if one of them is shared with another file.
    private func writableExtents(of inode: Inode, upTo limit: UInt64) throws(GuestError) -> [Extent] {
        var extents: [Extent] = []
        var next: UInt64 = 0
        var shared: SharedBlocks?
        var sharedGroup: UInt64?
        try map(of: inode).forEachExtent { extent throws(GuestError) in
            guard extent.fileBlock == next, extent.fileBlock < limit, !extent.isUnwritten else { return false }
            _ = try volume.offset(of: extent.start, count: extent.count)
            if volume.superblock.features.hasReflink {
                let (group, place) = volume.geometry.place(of: extent.start)
                let blocks = sharedGroup == group ? shared : try SharedBlocks(of: group, volume)
                (shared, sharedGroup) = (blocks, group)
                if try blocks?.contains(anyOf: place..<place + extent.count) == true {
                    throw GuestError(
                        .unsupported,
                        "the file of XFS inode \(inode.number) shares blocks with another (reflink)")
                }
            }
            extents.append(extent)
            next = extent.end
            guard next <= volume.geometry.blockCount else {
                throw GuestError(.damaged, "XFS inode \(inode.number) has more blocks than there are")
            }
            return true
        }
        return extents
    }

    private func setSize(_ size: UInt64, of inode: Inode) throws(GuestError) {
        var bytes = try Inode.bytes(inode.number, volume)
        bytes.storeBigEndian(size, at: Inode.Offset.size)
        if inode.version == 3 {
            let checksum = SelfDescription.checksum(of: bytes, field: Inode.Offset.checksum)
            bytes.storeLittleEndian(checksum, at: Inode.Offset.checksum)
        }
        guard let offset = volume.geometry.offset(ofInode: inode.number) else {
            throw GuestError(.damaged, "there can be no XFS inode \(inode.number)")
        }
        try volume.device.write(bytes, at: offset)
    }

    package func create(
        _ name: [UInt8], in directory: FileID, _ content: NewFile
    ) throws(GuestError) -> FileID {
        throw Self.onlyInPlace
    }

    package func remove(_ name: [UInt8], in directory: FileID) throws(GuestError) {
        throw Self.onlyInPlace
    }

    private static var onlyInPlace: GuestError {
        GuestError(.unsupported, "in an XFS filesystem files can only be overwritten, not made or removed")
    }
}
