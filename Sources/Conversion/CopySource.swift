import ByteLayout
package import DiskImage

/// What is copied: a disk, and beside it what the output's backing file has, if there is one. Where both are the same
/// nothing needs to be stored.
package final class CopySource {
    let map: any DiskMap
    let backing: (any DiskMap)?
    private var cursor: ExtentCursor
    private var backingCursor: ExtentCursor?

    package init(_ map: any DiskMap, over backing: (any DiskMap)? = nil) {
        self.map = map
        self.backing = backing
        cursor = ExtentCursor(map)
        backingCursor = backing.map(ExtentCursor.init)
    }

    /// Bytes of the disk.
    package var virtualSize: UInt64 { map.virtualSize }

    /// Whether the disk from `offset` on is known, without reading it, to need no copy, and for how many bytes that holds,
    /// at most `limit`. It needs none where it is zero or, over a backing file, where that has the same.
    func run(at offset: UInt64, limit: UInt64) throws(ImageError) -> (length: UInt64, isSpared: Bool) {
        guard let backing else {
            let extent = try map.extent(at: GuestOffset(offset), limit: limit)
            return (extent.length, extent.content == .zero)
        }
        let extent = try cursor.extent(at: offset, limit: limit)
        let below = try backingCursor?.extent(at: offset, limit: extent.length) ?? extent
        // The output has the whole of a sector in which the disk ends; the backing file may have more there than zeros.
        let endsInSector = offset + below.length == virtualSize && virtualSize % Self.sectorSize != 0
        return (below.length, !endsInSector && extent.isSame(as: below, map.files, backing.files))
    }

    /// The next chunk, which covers `range`. What needs no copy is zero in it, and in what the backing file has.
    func chunk(_ range: Range<UInt64>, sequence: UInt64) throws(ImageError) -> Chunk {
        var chunk = Chunk(
            sequence: sequence, offset: GuestOffset(range.lowerBound), length: range.count, extents: [])
        guard let backing else {
            chunk.extents = try map.extents(range)
            chunk.copiedLength = chunk.extents.reduce(0) { $1.content == .zero ? $0 : $0 + $1.length }
            return chunk
        }
        var position = range.lowerBound
        while position < range.upperBound {
            let (end, isSpared) = try section(from: position, to: range.upperBound)
            if isSpared {
                let spared = Extent(length: end - position, content: .zero)
                chunk.extents.append(spared)
                chunk.backing.append(spared)
            } else {
                chunk.extents += try map.extents(position..<end)
                chunk.backing += try backing.extents(position..<end)
                chunk.copiedLength += end - position
            }
            position = end
        }
        let wholeSectors = range.upperBound.alignedUp(to: Self.sectorSize)
        if wholeSectors > position { chunk.backing += try backing.extents(position..<wholeSectors) }
        return chunk
    }

    /// Where the runs that need a copy, or need none, like the one at `start` end.
    private func section(from start: UInt64, to limit: UInt64) throws(ImageError) -> (end: UInt64, isSpared: Bool) {
        let first = try run(at: start, limit: limit - start)
        var end = start + first.length
        while end < limit {
            let next = try run(at: end, limit: limit - end)
            guard next.isSpared == first.isSpared else { break }
            end += next.length
        }
        return (end, first.isSpared)
    }

    private static let sectorSize: UInt64 = 512
}
