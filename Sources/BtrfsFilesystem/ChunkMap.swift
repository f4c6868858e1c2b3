import ByteLayout
import GuestDisk

/// Where logical addresses are on the device.
struct ChunkMap {
    /// In order, without overlaps.
    private var chunks: [Chunk] = []

    /// The chunks that the superblock has a copy of.
    init(_ superblock: BtrfsSuperblock, deviceSize: UInt64) throws(GuestError) {
        let bytes = superblock.systemChunks
        var position = 0
        while position < bytes.count {
            let start = position + BtrfsKey.length
            guard start + Chunk.headerLength <= bytes.count else {
                throw GuestError(.damaged, "the superblock's list of chunks is damaged")
            }
            let item = Array(bytes[start...])
            try add(
                Chunk(
                    logical: BtrfsKey(bytes, at: position).offset, item, deviceID: superblock.deviceID,
                    deviceSize: deviceSize))
            position = start + Chunk.headerLength + Chunk.stripeCount(item) * Chunk.stripeLength
        }
    }

    /// Adds a chunk, unless it is there already.
    mutating func add(_ chunk: Chunk) throws(GuestError) {
        let index = firstIndex(endingBehind: chunk.range.lowerBound)
        if index < chunks.count, chunks[index].range.overlaps(chunk.range) {
            guard chunks[index].range == chunk.range else {
                throw GuestError(.damaged, "chunks overlap at logical address \(chunk.range.lowerBound)")
            }
            return
        }
        chunks.insert(chunk, at: index)
    }

    /// Where the bytes from `address` on are in each copy, and how many of them at most follow each other there.
    func copies(of address: UInt64) throws(GuestError) -> (offsets: [UInt64], length: UInt64) {
        let index = firstIndex(endingBehind: address)
        guard index < chunks.count, chunks[index].range.contains(address) else {
            throw GuestError(.damaged, "nothing is at logical address \(address)")
        }
        let chunk = chunks[index]
        return (chunk.copies.map { $0 + (address - chunk.range.lowerBound) }, chunk.range.upperBound - address)
    }

    private func firstIndex(endingBehind address: UInt64) -> Int {
        chunks.partitioningIndex { $0.range.upperBound > address }
    }
}
