import ByteLayout
package import GuestDisk

/// btrfs never writes where something is. Data that only one file has can be replaced all the same, if its checksums are,
/// and the checksum of the leaf that they are in: nothing then tells that it was not so from the beginning.
extension BtrfsFilesystem {
    /// What an overwrite needs to know of a file.
    private struct Target {
        /// The way to the item of the inode.
        var path: BtrfsTree.Path
        var inode: BtrfsInode
        /// Logical addresses of the content, whole sectors.
        var parts: [Range<UInt64>]

        var capacity: UInt64 { parts.reduce(0) { $0 + ($1.upperBound - $1.lowerBound) } }
    }

    package func capacity(of file: FileID) throws(GuestError) -> UInt64 {
        try target(file).capacity
    }

    /// - Throws: also `unsupported` if the content does not need exactly the sectors that the file has, and if any of these, or
    ///   of the nodes that lead to them, is shared with another file or snapshot, compressed, in the inode, or not written yet.
    package func overwrite(_ file: FileID, with content: [UInt8]) throws(GuestError) {
        var target = try target(file)
        let sectorSize = UInt64(space.superblock.sectorSize)
        guard UInt64(content.count).dividedUp(by: sectorSize) * sectorSize == target.capacity else {
            throw GuestError(
                .unsupported,
                "inode \(target.path.key.object) can't be overwritten: the content needs other sectors than it has")
        }
        let checksums = DataChecksums(space, try tree(ofSubvolume: BtrfsKey.Object.checksumTree))
        if !target.inode.isWithoutChecksums {
            for part in target.parts {
                try checksums.requirePresent(at: part.lowerBound, count: part.upperBound - part.lowerBound)
            }
        }
        do {
            try write(content, to: target, target.inode.isWithoutChecksums ? nil : checksums)
            if target.inode.size != UInt64(content.count) {
                target.inode.size = UInt64(content.count)
                var leaf = target.path.leaf.bytes
                leaf.replaceSubrange(target.path.leaf.dataRange(target.path.index), with: target.inode.bytes)
                try space.replace(target.path.leaf, with: leaf)
            }
        } catch {
            failure = error
            throw error
        }
    }

    private func write(
        _ content: [UInt8], to target: Target, _ checksums: DataChecksums?
    ) throws(GuestError) {
        var written = 0
        for part in target.parts {
            let length = Int(part.upperBound - part.lowerBound)
            var bytes = Array(content[written..<min(written + length, content.count)])
            bytes += [UInt8](repeating: 0, count: length - bytes.count)
            try space.write(bytes, at: part.lowerBound)
            try checksums?.update(at: part.lowerBound, for: bytes)
            written += length
        }
    }

    private func target(_ file: FileID) throws(GuestError) -> Target {
        try requireWritable()
        let place = try locate(file)
        func refusal(_ reason: String) -> GuestError {
            GuestError(.unsupported, "inode \(place.inode) can't be overwritten: \(reason)")
        }
        let key = BtrfsKey(place.inode, BtrfsKey.Kind.inode, 0)
        guard let path = try place.tree.path(toLastItemNotAfter: key), path.key == key else {
            throw GuestError(.damaged, "inode \(place.inode) is not there")
        }
        let inode = try BtrfsInode(path.data, number: place.inode)
        guard inode.kind == .regular else { throw refusal("it is not a regular file") }
        guard !inode.isSealed else { throw refusal("fs-verity seals it") }
        guard try !isReadOnly(subvolume: place.subvolume) else { throw refusal("its subvolume is read-only") }
        let shared = SharedBlocks(
            try tree(ofSubvolume: BtrfsKey.Object.extentTree), nodeSize: space.superblock.nodeSize)
        guard try !shared.isShared(path) else { throw refusal("a snapshot shares it") }
        let parts = try parts(of: inode, place.inode, place.tree, shared, refusal)
        return Target(path: path, inode: inode, parts: parts)
    }

    /// Where the content of a file is, which must be all its own.
    private func parts(
        of inode: BtrfsInode, _ number: UInt64, _ tree: BtrfsTree, _ shared: SharedBlocks,
        _ refusal: (_ reason: String) -> GuestError
    ) throws(GuestError) -> [Range<UInt64>] {
        let sectorSize = UInt64(space.superblock.sectorSize)
        var parts: [Range<UInt64>] = []
        var end: UInt64 = 0
        while end < inode.size {
            let key = BtrfsKey(number, BtrfsKey.Kind.fileExtent, end)
            guard let path = try tree.path(toLastItemNotAfter: key), path.key == key else {
                throw refusal("it has holes")
            }
            let extent = try FileExtent(path.data)
            guard extent.compression == nil else { throw refusal("it is compressed") }
            guard case .stored(let address, let length) = extent.place, address != 0 else {
                throw refusal("its content is in the inode, or not written yet")
            }
            let (sum, overflow) = extent.skipped.addingReportingOverflow(extent.length)
            guard !overflow, sum <= length, !address.addingReportingOverflow(length).overflow, extent.length > 0,
                [address, extent.skipped, extent.length].allSatisfy({ $0 % sectorSize == 0 }),
                !end.addingReportingOverflow(extent.length).overflow
            else { throw GuestError(.damaged, "inode \(number): an extent is damaged") }
            guard try !shared.isShared(extentAt: address, length: length), try !shared.isShared(path) else {
                throw refusal("another file or a snapshot shares it")
            }
            parts.append(address + extent.skipped..<address + sum)
            end += extent.length
        }
        guard end < inode.size + sectorSize else { throw refusal("it has blocks behind its end") }
        return parts
    }
}
