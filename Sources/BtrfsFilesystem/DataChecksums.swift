import GuestDisk

/// The checksums of the sectors of data, one for each, in items that each cover many.
struct DataChecksums {
    private let space: LogicalSpace
    private let tree: BtrfsTree

    init(_ space: LogicalSpace, _ tree: BtrfsTree) {
        self.space = space
        self.tree = tree
    }

    /// Throws `unsupported` unless every sector from `address` on has a checksum.
    func requirePresent(at address: UInt64, count: UInt64) throws(GuestError) {
        var done: UInt64 = 0
        while done < count { done += try item(for: address + done).covered }
    }

    /// Makes the checksums of the sectors from `address` on those of `bytes`, whole sectors, in place.
    func update(at address: UInt64, for bytes: [UInt8]) throws(GuestError) {
        let sectorSize = space.superblock.sectorSize
        var done = 0
        while done < bytes.count {
            let item = try item(for: address + UInt64(done))
            let covered = min(Int(item.covered), bytes.count - done)
            var leaf = item.path.leaf.bytes
            var place = item.place
            for start in stride(from: done, to: done + covered, by: sectorSize) {
                let checksum = space.superblock.checksum.of(Array(bytes[start..<start + sectorSize]))
                leaf.replaceSubrange(place..<place + checksum.count, with: checksum)
                place += checksum.count
            }
            try space.replace(item.path.leaf, with: leaf)
            done += covered
        }
    }

    /// The item that has the checksum of the sector at `address`, where in its leaf that is, and how many bytes of data from
    /// there on it covers.
    private func item(
        for address: UInt64
    ) throws(GuestError) -> (path: BtrfsTree.Path, place: Int, covered: UInt64) {
        let sectorSize = UInt64(space.superblock.sectorSize)
        let size = UInt64(space.superblock.checksum.length)
        let key = BtrfsKey(BtrfsKey.Object.checksums, BtrfsKey.Kind.checksums, address)
        guard let path = try tree.path(toLastItemNotAfter: key), path.key.object == key.object,
            path.key.type == key.type
        else { throw missing }
        let range = path.leaf.dataRange(path.index)
        let sector = (address - path.key.offset) / sectorSize
        let sectors = UInt64(range.count) / size
        guard (address - path.key.offset) % sectorSize == 0, sector < sectors else { throw missing }
        return (path, range.lowerBound + Int(sector * size), (sectors - sector) * sectorSize)
    }

    private var missing: GuestError {
        GuestError(.unsupported, "the file can't be overwritten: its content should have checksums, but hasn't")
    }
}
