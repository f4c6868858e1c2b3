import GuestDisk

/// The checksums of the sectors of data, one for each, in items that each cover many.
struct DataChecksums {
    private let space: LogicalSpace
    private let tree: BtrfsTree

    init(_ space: LogicalSpace, _ tree: BtrfsTree) {
        self.space = space
        self.tree = tree
    }

    /// The `count` bytes from `address`, whole sectors, of the first copy that has the right checksums. Of files that have
    /// none nobody asks: that a checksum is missing is damage, as it is to the kernel.
    func read(at address: UInt64, count: Int) throws(GuestError) -> [UInt8] {
        for copy in 0..<(try space.copyCount(at: address)) {
            let bytes = try space.read(at: address, count: count, copy: copy)
            if try isRight(bytes, at: address) { return bytes }
        }
        throw GuestError(.damaged, "data of a file at logical address \(address) has no checksum, or a wrong one")
    }

    private func isRight(_ bytes: [UInt8], at address: UInt64) throws(GuestError) -> Bool {
        let sectorSize = space.superblock.sectorSize
        var known: (path: BtrfsTree.Path, place: Int, covered: UInt64)?
        guard bytes.count % sectorSize == 0 else { return false }
        for start in stride(from: 0, to: bytes.count, by: sectorSize) {
            if known == nil { known = try item(for: address + UInt64(start)) }
            guard let item = known else { return false }
            let checksum = space.superblock.checksum.of(Array(bytes[start..<start + sectorSize]))
            guard item.path.leaf.bytes[item.place..<item.place + checksum.count].elementsEqual(checksum) else {
                return false
            }
            let rest = item.covered - UInt64(sectorSize)
            known = rest > 0 ? (item.path, item.place + checksum.count, rest) : nil
        }
        return true
    }

    /// Throws `unsupported` unless every sector from `address` on has a checksum.
    func requirePresent(at address: UInt64, count: UInt64) throws(GuestError) {
        var done: UInt64 = 0
        while done < count { done += try requiredItem(for: address + done).covered }
    }

    /// Makes the checksums of the sectors from `address` on those of `bytes`, whole sectors, in place.
    func update(at address: UInt64, for bytes: [UInt8]) throws(GuestError) {
        let sectorSize = space.superblock.sectorSize
        var done = 0
        while done < bytes.count {
            let item = try requiredItem(for: address + UInt64(done))
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
    /// there on it covers; nil if there is none.
    private func item(
        for address: UInt64
    ) throws(GuestError) -> (path: BtrfsTree.Path, place: Int, covered: UInt64)? {
        let sectorSize = UInt64(space.superblock.sectorSize)
        let size = UInt64(space.superblock.checksum.length)
        let key = BtrfsKey(BtrfsKey.Object.checksums, BtrfsKey.Kind.checksums, address)
        guard let path = try tree.path(toLastItemNotAfter: key), path.key.object == key.object,
            path.key.type == key.type
        else { return nil }
        let range = path.leaf.dataRange(path.index)
        let sector = (address - path.key.offset) / sectorSize
        let sectors = UInt64(range.count) / size
        guard (address - path.key.offset) % sectorSize == 0, sector < sectors else { return nil }
        return (path, range.lowerBound + Int(sector * size), (sectors - sector) * sectorSize)
    }

    private func requiredItem(
        for address: UInt64
    ) throws(GuestError) -> (path: BtrfsTree.Path, place: Int, covered: UInt64) {
        guard let item = try item(for: address) else {
            throw GuestError(
                .unsupported, "the file can't be overwritten: its content should have checksums, but hasn't")
        }
        return item
    }
}
