package import DiskImage

/// Writes the disk as it is: every unit at its own offset.
package final class RawWriter: LateSizeWriter {
    package let layout: WriterLayout
    package let isSequential = true
    private var virtualSize: UInt64
    private let clearsGaps: Bool
    /// Everything before this has been placed.
    private var position: UInt64 = 0

    /// - Parameters:
    ///   - virtualSize: bytes of the disk, nil if they will be told at the end.
    ///   - unitSize: granularity of zero detection in bytes.
    ///   - clearsGaps: the target may have old content, so that what is zero must be made zero.
    package init(virtualSize: UInt64?, unitSize: Int, clearsGaps: Bool) {
        layout = WriterLayout(unitSize: unitSize, keepsOffsets: true, unusedPlaces: .disk)
        self.virtualSize = virtualSize ?? .max
        self.clearsGaps = clearsGaps
    }

    package func setVirtualSize(_ size: UInt64) { virtualSize = size }

    package var fullSizes: [UInt64]? { [virtualSize] }

    package func place(_ chunk: EncodedChunk, output: any OutputSink) throws(ImageError) -> Placement {
        if clearsGaps {
            try clear(upTo: chunk.offset.bytes, output: output)
            for (index, unit) in chunk.units.enumerated() {
                let start = chunk.offset.bytes + UInt64(index * layout.unitSize)
                if unit != .zero {
                    try clear(upTo: start, output: output)
                    position = min(start + UInt64(layout.unitSize), virtualSize)
                }
            }
            // Who reads the chunk back finds it whole.
            try clear(upTo: chunk.offset.bytes + chunk.length, output: output)
        }
        try output.reserve(upTo: chunk.offset.bytes + chunk.length)
        return Placement(plain: [Placement.Piece(length: chunk.length, at: HostOffset(chunk.offset.bytes))])
    }

    package func finish(output: any OutputSink) throws(ImageError) -> [UInt64] {
        if clearsGaps { try clear(upTo: virtualSize, output: output) }
        return [virtualSize]
    }

    private func clear(upTo end: UInt64, output: any OutputSink) throws(ImageError) {
        guard end > position else { return }
        try output.writeZeros(at: HostOffset(position), length: end - position)
        position = end
    }
}
