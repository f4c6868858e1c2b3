/// A disk that is the same everywhere: one that nothing was ever written to, or one that is full.
package final class UniformMap: DiskMap {
    package let virtualSize: UInt64
    package var files: [ImageFile] { [] }
    private let content: Extent.Content

    /// - Parameter content: what is at the start of the disk.
    package init(virtualSize: UInt64, content: Extent.Content) {
        self.virtualSize = virtualSize
        self.content = content
    }

    package func extent(at offset: GuestOffset, limit: UInt64) -> Extent {
        Extent(length: limit, content: content.skipping(offset.bytes))
    }
}
