package import DiskImage

/// A walk over the whole map before anything is written: finds damaged tables early and knows how much there is to do.
package struct Survey: Sendable {
    /// Bytes of virtual disk that are stored.
    package var dataBytes: UInt64 = 0

    /// - Parameter isCancelled: asked now and then.
    package init(_ map: any DiskMap, isCancelled: () -> Bool) throws(ImageError) {
        var position: UInt64 = 0
        var steps = 0
        while position < map.virtualSize {
            let extent = try map.extent(at: GuestOffset(position), limit: map.virtualSize - position)
            if extent.content != .zero { dataBytes += extent.length }
            position += extent.length
            steps += 1
            if steps % 1024 == 0, isCancelled() { throw ImageError(.cancelled, "the conversion was cancelled") }
        }
    }
}
