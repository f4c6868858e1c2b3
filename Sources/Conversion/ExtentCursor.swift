import DiskImage

/// Walks over a disk, asking its map once an extent: how far one reaches may take a look at every block of the disk.
struct ExtentCursor {
    let map: any DiskMap
    /// What the map said last, and of where.
    private var last: (offset: UInt64, extent: Extent)?

    init(_ map: any DiskMap) {
        self.map = map
    }

    /// The extent at `offset`, which may lie behind the end of the disk, where zeros are; at most `limit` bytes of it.
    mutating func extent(at offset: UInt64, limit: UInt64) throws(ImageError) -> Extent {
        var extent: Extent
        if let last, offset >= last.offset, offset - last.offset < last.extent.length {
            extent = last.extent.skipping(offset - last.offset)
        } else if offset < map.virtualSize {
            extent = try map.extent(at: GuestOffset(offset), limit: map.virtualSize - offset)
            last = (offset, extent)
        } else {
            extent = Extent(length: limit, content: .zero)
        }
        extent.length = min(extent.length, limit)
        return extent
    }
}
