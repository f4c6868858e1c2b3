import GuestDisk

/// Reads what is at logical addresses: nodes, which are checked, and data.
final class LogicalSpace {
    let device: any BlockDevice
    let superblock: BtrfsSuperblock
    private var chunks: ChunkMap
    private var nodes: [UInt64: BtrfsNode] = [:]

    /// Bytes of nodes that are kept.
    private static let cachedBytes = 8 << 20

    init(_ device: any BlockDevice, _ superblock: BtrfsSuperblock) throws(GuestError) {
        self.device = device
        self.superblock = superblock
        chunks = try ChunkMap(superblock, deviceSize: device.size)
        var all = chunks
        try BtrfsTree(self, superblock.chunkRoot).forEachItem(
            of: BtrfsKey.Object.first, BtrfsKey.Kind.chunk
        ) { key, data throws(GuestError) in
            try all.add(
                Chunk(logical: key.offset, data, deviceID: superblock.deviceID, deviceSize: device.size))
            return true
        }
        chunks = all
    }

    /// The node that a pointer leads to, from the first copy that is sound.
    func node(_ pointer: BtrfsTree.Root) throws(GuestError) -> BtrfsNode {
        if let known = nodes[pointer.address], known.level == pointer.level, known.generation == pointer.generation {
            return known
        }
        let place = try chunks.copies(of: pointer.address)
        guard place.length >= UInt64(superblock.nodeSize) else { throw damaged(pointer) }
        for offset in place.offsets {
            let bytes = try device.read(at: offset, count: superblock.nodeSize)
            guard superblock.checksum.matches(bytes), bytes[32..<48].elementsEqual(superblock.metadataUUID) else {
                continue
            }
            let node = try BtrfsNode(bytes)
            guard node.address == pointer.address, node.level == pointer.level, node.generation == pointer.generation
            else { continue }
            if nodes.count * superblock.nodeSize >= Self.cachedBytes { nodes = [:] }
            nodes[pointer.address] = node
            return node
        }
        throw damaged(pointer)
    }

    private func damaged(_ pointer: BtrfsTree.Root) -> GuestError {
        GuestError(.damaged, "the node of a btrfs tree at logical address \(pointer.address) is damaged")
    }

    /// Replaces a node by one with other items, whose checksum is made anew: everywhere it is, in place.
    func replace(_ node: BtrfsNode, with bytes: [UInt8]) throws(GuestError) {
        var bytes = bytes
        let checksum = superblock.checksum.of(Array(bytes[BtrfsChecksum.room...]))
        bytes.replaceSubrange(0..<checksum.count, with: checksum)
        nodes[node.address] = nil
        try write(bytes, at: node.address)
    }

    /// Replaces the bytes from `address`, in every copy.
    func write(_ bytes: [UInt8], at address: UInt64) throws(GuestError) {
        var written = 0
        while written < bytes.count {
            let place = try chunks.copies(of: address + UInt64(written))
            let length = Int(min(UInt64(bytes.count - written), place.length))
            for offset in place.offsets {
                try device.write(Array(bytes[written..<written + length]), at: offset)
            }
            written += length
        }
    }

    func copyCount(at address: UInt64) throws(GuestError) -> Int { try chunks.copies(of: address).offsets.count }

    /// The `count` bytes from `address`, of one of the copies.
    func read(at address: UInt64, count: Int, copy: Int = 0) throws(GuestError) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            let (start, overflow) = address.addingReportingOverflow(UInt64(bytes.count))
            guard !overflow else { throw GuestError(.damaged, "nothing is at logical address \(address)") }
            let place = try chunks.copies(of: start)
            let length = min(UInt64(count - bytes.count), place.length)
            bytes += try device.read(at: place.offsets[min(copy, place.offsets.count - 1)], count: Int(length))
        }
        return bytes
    }
}
