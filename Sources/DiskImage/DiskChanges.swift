import ByteLayout

/// What of a disk is to become other than it is.
package struct DiskChanges {
    /// The changes as a layer: all but `.unallocated` extents have changed, or may have.
    package let layer: any DiskMap
    private let content: (Range<UInt64>) throws(ImageError) -> [UInt8]

    /// Bytes that are read at once at most: the largest cluster of qcow2.
    package static let maximumLength: UInt64 = 2 << 20

    /// - Parameter content: reads a range of the disk as it will be, at most ``maximumLength`` bytes.
    package init(layer: any DiskMap, content: @escaping (Range<UInt64>) throws(ImageError) -> [UInt8]) {
        self.layer = layer
        self.content = content
    }

    /// The bytes `range` of the disk as it will be, at most ``maximumLength``; behind its end there are zeros.
    package func read(_ range: Range<UInt64>) throws(ImageError) -> [UInt8] {
        let size = layer.virtualSize
        let inside = range.clamped(to: 0..<size)
        var bytes = inside.isEmpty ? [] : try content(inside)
        bytes += [UInt8](repeating: 0, count: range.count - bytes.count)
        return bytes
    }

    /// The units of `size` bytes, by number, in which anything has changed: runs in the order of the disk.
    package func units(of size: UInt64) throws(ImageError) -> [Range<UInt64>] {
        var runs: [Range<UInt64>] = []
        var position: UInt64 = 0
        while position < layer.virtualSize {
            let extent = try layer.extent(at: GuestOffset(position), limit: layer.virtualSize - position)
            let end = position + extent.length
            if extent.content != .unallocated {
                let run = position / size..<end.dividedUp(by: size)
                if let last = runs.last, last.upperBound >= run.lowerBound {
                    runs[runs.count - 1] = last.lowerBound..<max(last.upperBound, run.upperBound)
                } else {
                    runs.append(run)
                }
            }
            position = end
        }
        return runs
    }
}
