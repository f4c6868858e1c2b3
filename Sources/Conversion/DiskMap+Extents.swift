import DiskImage

extension DiskMap {
    /// The extents that cover `range`; behind the end of the disk there are zeros.
    func extents(_ range: Range<UInt64>) throws(ImageError) -> [Extent] {
        var extents: [Extent] = []
        var position = range.lowerBound
        while position < range.upperBound {
            let extent = try extentOrEnd(at: position, limit: range.upperBound - position)
            extents.append(extent)
            position += extent.length
        }
        return extents
    }

    /// The extent at `position`, which may lie behind the end of the disk.
    func extentOrEnd(at position: UInt64, limit: UInt64) throws(ImageError) -> Extent {
        guard position < virtualSize else { return Extent(length: limit, content: .zero, zeroOrigin: .absent) }
        return try extent(at: GuestOffset(position), limit: min(limit, virtualSize - position))
    }
}
