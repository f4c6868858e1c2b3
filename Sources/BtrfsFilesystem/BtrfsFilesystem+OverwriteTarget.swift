import GuestDisk

/// Finds out whether, and where, a file can be overwritten.
extension BtrfsFilesystem {
    /// Most bytes of content that the kernel puts into a leaf unless told otherwise (mount option `max_inline`).
    private static let maximumInline = 2048

    func overwriteTarget(_ file: FileID) throws(GuestError) -> OverwriteTarget {
        try requireWritable()
        let place = try locate(file)
        let key = BtrfsKey(place.inode, BtrfsKey.Kind.inode, 0)
        guard let path = try place.tree.path(toLastItemNotAfter: key), path.key == key else {
            throw GuestError(.damaged, "inode \(place.inode) is not there")
        }
        let inode = try BtrfsInode(path.data, number: place.inode)
        guard inode.kind == .regular else { throw refusal(place.inode, "it is not a regular file") }
        guard !inode.isSealed else { throw refusal(place.inode, "fs-verity seals it") }
        guard try !isReadOnly(subvolume: place.subvolume) else {
            throw refusal(place.inode, "its subvolume is read-only")
        }
        let shared = SharedBlocks(
            try tree(ofSubvolume: BtrfsKey.Object.extentTree), nodeSize: space.superblock.nodeSize)
        guard try !shared.isShared(path) else { throw refusal(place.inode, "a snapshot shares it") }
        if let inline = try inlinePlace(place.inode, place.tree, shared) {
            return OverwriteTarget(path: path, inode: inode, place: inline)
        }
        let parts = try parts(of: inode, place.inode, place.tree, shared)
        return OverwriteTarget(path: path, inode: inode, place: .sectors(parts))
    }

    /// Nil unless all content of the file is in a leaf.
    private func inlinePlace(
        _ inode: UInt64, _ tree: BtrfsTree, _ shared: SharedBlocks
    ) throws(GuestError) -> OverwriteTarget.Place? {
        let key = BtrfsKey(inode, BtrfsKey.Kind.fileExtent, 0)
        let last = BtrfsKey(inode, BtrfsKey.Kind.fileExtent, .max)
        guard let path = try tree.path(toLastItemNotAfter: last), path.key == key,
            case .inline = try FileExtent(path.data).place
        else { return nil }
        guard try !shared.isShared(path) else { throw refusal(inode, "a snapshot shares it") }
        let present = path.data.count - FileExtent.inlineHeaderLength
        let room = min(path.leaf.freeBytes + present, Self.maximumInline)
        return .inline(path, room: room)
    }

    /// Where the content of a file is, which must be all its own.
    private func parts(
        of inode: BtrfsInode, _ number: UInt64, _ tree: BtrfsTree, _ shared: SharedBlocks
    ) throws(GuestError) -> [Range<UInt64>] {
        let sectorSize = UInt64(space.superblock.sectorSize)
        var parts: [Range<UInt64>] = []
        var end: UInt64 = 0
        while end < inode.size {
            let key = BtrfsKey(number, BtrfsKey.Kind.fileExtent, end)
            guard let path = try tree.path(toLastItemNotAfter: key), path.key == key else {
                throw refusal(number, "it has holes")
            }
            let extent = try FileExtent(path.data)
            guard extent.compression == nil else { throw refusal(number, "it is compressed") }
            guard case .stored(let address, let length) = extent.place else {
                throw refusal(number, "some of it is not written yet")
            }
            guard address != 0 else { throw refusal(number, "it has holes") }
            let (sum, overflow) = extent.skipped.addingReportingOverflow(extent.length)
            guard !overflow, sum <= length, !address.addingReportingOverflow(length).overflow, extent.length > 0,
                [address, extent.skipped, extent.length].allSatisfy({ $0 % sectorSize == 0 }),
                !end.addingReportingOverflow(extent.length).overflow
            else { throw GuestError(.damaged, "inode \(number): an extent is damaged") }
            guard try !shared.isShared(extentAt: address, length: length), try !shared.isShared(path) else {
                throw refusal(number, "another file or a snapshot shares it")
            }
            parts.append(address + extent.skipped..<address + sum)
            end += extent.length
        }
        guard end - inode.size < sectorSize else { throw refusal(number, "it has blocks behind its end") }
        return parts
    }

    func refusal(_ inode: UInt64, _ reason: String) -> GuestError {
        GuestError(.unsupported, "inode \(inode) can't be overwritten: \(reason)")
    }
}
