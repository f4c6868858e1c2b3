import DiskImage

/// A disk that nothing was ever written to.
final class ZeroMap: DiskMap {
    let virtualSize: UInt64
    var files: [ImageFile] { [] }

    init(virtualSize: UInt64) {
        self.virtualSize = virtualSize
    }

    func extent(at offset: GuestOffset, limit: UInt64) -> Extent { Extent(length: limit, content: .zero) }
}
