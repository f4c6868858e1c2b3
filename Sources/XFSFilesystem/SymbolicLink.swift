import GuestDisk

/// Where a symbolic link leads.
struct SymbolicLink {
    /// `XFS_SYMLINK_MAXLEN`
    private static let maximumLength: UInt64 = 1024

    let target: [UInt8]

    /// - Throws: `damaged` if `inode` is no symbolic link.
    init(_ inode: Inode, _ volume: Volume) throws(GuestError) {
        let damaged = GuestError(.damaged, "the symbolic link in XFS inode \(inode.number) is damaged")
        guard inode.status.kind == .symbolicLink, inode.status.size <= Self.maximumLength else { throw damaged }
        if case .inline(let bytes) = inode.data {
            target = bytes
            return
        }
        let length = Int(inode.status.size)
        let map = ForkMap(volume: volume, inode: inode.number, fork: inode.data)
        var target: [UInt8] = []
        try map.forEachExtent { extent throws(GuestError) in
            // The blocks of an extent share a header. More than can hold the longest link are too many.
            guard extent.count * UInt64(volume.geometry.blockSize) <= 65536 else { throw damaged }
            let (bytes, offset) = try map.read(at: extent.fileBlock, count: Int(extent.count))
            target += try RemoteBlock(
                bytes, at: offset, magic: RemoteBlock.linkMagic, position: target.count, length: length - target.count,
                map
            ).content
            return target.count < length
        }
        guard target.count == length else { throw damaged }
        self.target = target
    }
}
