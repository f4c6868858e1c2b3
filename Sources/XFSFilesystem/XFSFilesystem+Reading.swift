package import GuestDisk

extension XFSFilesystem {
    package func status(of file: FileID) throws(GuestError) -> FileStatus {
        try inode(file).status
    }

    package func lookUp(_ name: [UInt8], in directory: FileID) throws(GuestError) -> FileID? {
        try Directory(inode(directory), volume).lookUp(name).map { FileID($0) }
    }

    package func forEachEntry(
        of directory: FileID, _ body: (_ name: [UInt8], _ file: FileID) throws(GuestError) -> Bool
    ) throws(GuestError) {
        try Directory(inode(directory), volume).forEachEntry { entry throws(GuestError) in
            try body(entry.name, FileID(entry.inode))
        }
    }

    package func readLink(_ link: FileID) throws(GuestError) -> [UInt8] {
        try SymbolicLink(inode(link), volume).target
    }

    package func extendedAttributes(of file: FileID) throws(GuestError) -> [ExtendedAttribute] {
        try AttributeList(inode(file), volume).attributes()
    }

    package func read(_ file: FileID, at offset: UInt64, count: Int) throws(GuestError) -> [UInt8] {
        let inode = try regularFile(file)
        guard offset < inode.status.size, count > 0 else { return [] }
        let end = offset + min(UInt64(count), inode.status.size - offset)
        let blockSize = UInt64(volume.geometry.blockSize)
        var bytes: [UInt8] = []
        try map(of: inode).forEachExtent(from: offset / blockSize) { extent throws(GuestError) in
            // Blocks that are farther than 64 bits of bytes are behind the end of any file.
            let (start, isTooFar) = extent.fileBlock.multipliedReportingOverflow(by: blockSize)
            guard !isTooFar, start < end else { return false }
            let from = max(start, offset)
            let length = min(end, start + extent.count * blockSize) - from
            let place = try volume.offset(of: extent.start, count: extent.count)
            bytes += [UInt8](repeating: 0, count: Int(from - offset) - bytes.count)
            if extent.isUnwritten {
                bytes += [UInt8](repeating: 0, count: Int(length))
            } else {
                let part = try volume.device.read(at: place + (from - start), count: Int(length))
                // Most files are in one piece, which need not be copied.
                if bytes.isEmpty { bytes = part } else { bytes += part }
            }
            return true
        }
        bytes += [UInt8](repeating: 0, count: Int(end - offset) - bytes.count)
        return bytes
    }

    func inode(_ file: FileID) throws(GuestError) -> Inode {
        try Inode(file.number, volume)
    }

    /// The inode of a regular file whose blocks are on the device.
    func regularFile(_ file: FileID) throws(GuestError) -> Inode {
        let inode = try inode(file)
        guard inode.status.kind == .regular else {
            throw GuestError(.damaged, "the XFS inode \(file.number) should be a regular file")
        }
        guard !inode.flags.contains(.realtime) else {
            throw GuestError(.unsupported, "the file of XFS inode \(file.number) is on a realtime device")
        }
        switch inode.data {
        case .extents, .tree: return inode
        case .inline, .none: throw GuestError(.damaged, "the XFS inode \(file.number) has no list of blocks")
        }
    }

    func map(of inode: Inode) -> ForkMap {
        ForkMap(volume: volume, inode: inode.number, fork: inode.data)
    }
}
