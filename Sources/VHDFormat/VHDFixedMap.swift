import DiskImage

/// A fixed disk: guest offset equals host offset; holes are zero.
final class VHDFixedMap: DiskMap {
    let virtualSize: UInt64
    let files: [ImageFile]
    private let allocated: AllocatedRanges

    init(file: ImageFile, virtualSize: UInt64) {
        self.virtualSize = virtualSize
        files = [file]
        allocated = AllocatedRanges(file: file)
    }

    func extent(at offset: GuestOffset, limit: UInt64) -> Extent {
        allocated.extent(at: FilePlace(file: 0, offset: HostOffset(offset.bytes)), limit: limit)
    }
}
