import DiskImage

/// Guest offset equals host offset; holes are zero.
final class RawMap: DiskMap {
    let virtualSize: UInt64
    let files: [ImageFile]
    private let allocated: AllocatedRanges

    init(file: ImageFile) {
        virtualSize = file.size
        files = [file]
        allocated = AllocatedRanges(file: file)
    }

    func extent(at offset: GuestOffset, limit: UInt64) -> Extent {
        var extent = allocated.extent(at: FilePlace(file: 0, offset: HostOffset(offset.bytes)), limit: limit)
        // No table says that data is stored here.
        extent.zeroOrigin = .marked
        return extent
    }
}
