package import DiskImage

/// A walk over the whole disk before anything is written: finds damaged tables early and knows how much there is to do.
package struct Survey: Sendable {
    /// Bytes of virtual disk that must be copied, or compared with the backing file's.
    package var dataBytes: UInt64 = 0

    /// - Parameter isCancelled: asked now and then.
    package init(_ source: CopySource, isCancelled: () -> Bool) throws(ImageError) {
        var position: UInt64 = 0
        var steps = 0
        while position < source.virtualSize {
            let run = try source.run(at: position, limit: source.virtualSize - position)
            if !run.isSpared { dataBytes += run.length }
            position += run.length
            steps += 1
            if steps % 1024 == 0, isCancelled() { throw ImageError(.cancelled, "the conversion was cancelled") }
        }
    }
}
