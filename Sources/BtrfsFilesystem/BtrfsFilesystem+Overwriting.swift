import ByteLayout
package import GuestDisk

/// btrfs never writes where something is. Data that only one file has can be replaced all the same, if its checksums are,
/// and the checksum of the leaf that they are in: nothing then tells that it was not so from the beginning. The same goes
/// for content that is in a leaf.
extension BtrfsFilesystem {
    package func capacity(of file: FileID) throws(GuestError) -> UInt64 {
        try overwriteTarget(file).capacity
    }

    /// Content that is in a leaf can become longer as far as that has room, and no longer than the kernel would put there.
    /// - Throws: also `unsupported` if other content does not need exactly the sectors that the file has, and if any of these,
    ///   or of the nodes that lead to them, is shared with another file or snapshot, compressed, or not written yet.
    package func overwrite(_ file: FileID, with content: [UInt8]) throws(GuestError) {
        let target = try overwriteTarget(file)
        let inode = target.path.key.object
        let checksums = DataChecksums(space, try tree(ofSubvolume: BtrfsKey.Object.checksumTree))
        switch target.place {
        case .sectors(let parts):
            let sectorSize = UInt64(space.superblock.sectorSize)
            guard UInt64(content.count).dividedUp(by: sectorSize) * sectorSize == target.capacity else {
                throw refusal(inode, "the content needs other sectors than it has")
            }
            if !target.inode.isWithoutChecksums {
                for part in parts {
                    try checksums.requirePresent(at: part.lowerBound, count: part.upperBound - part.lowerBound)
                }
            }
        case .inline(_, let room):
            guard (1...max(room, 1)).contains(content.count) else {
                throw refusal(inode, "the content needs other blocks than it has")
            }
        }
        do {
            try write(content, to: target, checksums)
        } catch {
            failure = error
            throw error
        }
    }

    private func write(
        _ content: [UInt8], to target: OverwriteTarget, _ checksums: DataChecksums
    ) throws(GuestError) {
        var inode = target.inode
        inode.size = UInt64(content.count)
        switch target.place {
        case .sectors(let parts):
            try write(content, to: parts, inode.isWithoutChecksums ? nil : checksums)
        case .inline(let path, _):
            inode.allocated = UInt64(content.count)
            let item = FileExtent.inline(content, like: path.data)
            try space.replace(path.leaf, with: path.leaf.replacing(path.index, with: item))
        }
        guard inode.bytes != target.inode.bytes else { return }
        // The leaf may have been written just now.
        let leaf = try space.node(target.path.leaf.pointer)
        try space.replace(leaf, with: leaf.replacing(target.path.index, with: inode.bytes))
    }

    private func write(
        _ content: [UInt8], to parts: [Range<UInt64>], _ checksums: DataChecksums?
    ) throws(GuestError) {
        var written = 0
        for part in parts {
            let length = Int(part.upperBound - part.lowerBound)
            var bytes = Array(content[written..<min(written + length, content.count)])
            bytes += [UInt8](repeating: 0, count: length - bytes.count)
            try space.write(bytes, at: part.lowerBound)
            try checksums?.update(at: part.lowerBound, for: bytes)
            written += length
        }
    }
}
