import GuestDisk

/// A directory, in any of its forms.
///
/// A short one is in its inode. Else blocks of the file have the entries; if there are several, an index finds them by
/// the hashes of their names. Both are in the same file, the index 32 GiB behind the entries.
struct Directory {
    /// Where the index begins, in bytes of the file (`XFS_DIR2_LEAF_OFFSET`).
    private static let indexOffset: UInt64 = 1 << 35

    let map: ForkMap

    private var geometry: Geometry { map.volume.geometry }
    /// Blocks of the filesystem in a block of a directory.
    private var blocks: Int { geometry.directoryBlockSize / geometry.blockSize }
    private var indexStart: UInt64 { Self.indexOffset / UInt64(geometry.blockSize) }

    /// - Throws: `damaged` if `inode` is no directory.
    init(_ inode: Inode, _ volume: Volume) throws(GuestError) {
        guard inode.status.kind == .directory else {
            throw GuestError(.damaged, "the XFS inode \(inode.number) should be a directory")
        }
        map = ForkMap(volume: volume, inode: inode.number, fork: inode.data)
    }

    /// Calls `body` with each entry but `.` and `..` until it returns false.
    func forEachEntry(_ body: (DirectoryEntry) throws(GuestError) -> Bool) throws(GuestError) {
        if case .inline(let bytes) = map.fork {
            for entry in try shortForm(bytes).entries { guard try body(entry) else { return } }
            return
        }
        var next: UInt64 = 0
        // Extents may lead to the same block again and again.
        var seen: Set<UInt64> = []
        try map.forEachExtent { extent throws(GuestError) in
            // A block may be in several extents: the first has told of it already.
            while next < extent.end {
                next = max(next, extent.fileBlock)
                guard next < indexStart else { return false }
                let block = try DirectoryBlock(map, at: next)
                guard next % UInt64(blocks) == 0, seen.insert(block.offset).inserted else { throw damaged }
                let goesOn = try block.forEachEntry { entry throws(GuestError) in
                    entry.isDot ? true : try body(entry)
                }
                guard goesOn else { return false }
                next += UInt64(blocks)
            }
            return true
        }
    }

    /// The inode that `name` is of; nil if there is no such entry.
    func lookUp(_ name: [UInt8]) throws(GuestError) -> UInt64? {
        if case .inline(let bytes) = map.fork {
            return try shortForm(bytes).entries.first { $0.name == name }?.inode
        }
        guard try hasIndex() else {
            var found: UInt64?
            _ = try DirectoryBlock(map, at: 0).forEachEntry { entry throws(GuestError) in
                if entry.name == name { found = entry.inode }
                return found == nil
            }
            return found
        }
        return try lookUpInIndex(name)
    }

    private func shortForm(_ bytes: [UInt8]) throws(GuestError) -> ShortFormDirectory {
        try ShortFormDirectory(
            bytes, hasFileTypes: map.volume.superblock.features.hasFileTypes, inode: map.inode)
    }

    private func hasIndex() throws(GuestError) -> Bool {
        var isThere = false
        try map.forEachExtent(from: indexStart) { extent throws(GuestError) in
            isThere = extent.fileBlock == indexStart
            return false
        }
        return isThere
    }

    private func lookUpInIndex(_ name: [UInt8]) throws(GuestError) -> UInt64? {
        let hash = NameHash.of(name)
        var found: UInt64?
        try IndexTree(map: map, root: indexStart, blocks: blocks).forEachLeaf(from: hash) { leaf throws(GuestError) in
            guard leaf.kind == .directoryLeaf else { throw damaged }
            for index in leaf.firstIndex(notBefore: hash)..<leaf.count {
                guard leaf.hash(at: index) == hash else { return false }
                let place = leaf.target(at: index)
                // 0: removed.
                if place == 0 { continue }
                let entry = try entry(at: place)
                if entry.name == name {
                    found = entry.inode
                    return false
                }
            }
            return true
        }
        return found
    }

    /// - Parameter place: as the index has it, in units of 8 bytes.
    private func entry(at place: UInt32) throws(GuestError) -> DirectoryEntry {
        let size = UInt64(geometry.directoryBlockSize)
        let offset = UInt64(place) * 8
        let block = try DirectoryBlock(map, at: offset / size * UInt64(blocks))
        return try block.entry(at: Int(offset % size)).entry
    }

    private var damaged: GuestError {
        GuestError(.damaged, "the directory in XFS inode \(map.inode) is damaged")
    }
}
