import DiskImage

/// Passes writes on and remembers where they were.
final class WrittenRanges: OutputSink {
    private let output: any OutputSink
    /// Where was written, in the order of the writes.
    private(set) var ranges: [Range<UInt64>] = []

    init(_ output: any OutputSink) {
        self.output = output
    }

    func reserve(_ file: Int, upTo size: UInt64) throws(ImageError) { try output.reserve(file, upTo: size) }

    func write(_ bytes: [UInt8], file: Int, at offset: HostOffset) throws(ImageError) {
        ranges.append(offset.bytes..<offset.bytes + UInt64(bytes.count))
        try output.write(bytes, file: file, at: offset)
    }

    func writeZeros(at offset: HostOffset, length: UInt64) throws(ImageError) {
        ranges.append(offset.bytes..<offset.bytes + length)
        try output.writeZeros(at: offset, length: length)
    }

    func barrier() throws(ImageError) { try output.barrier() }
}

extension [Range<UInt64>] {
    /// In order, those that touch or overlap made one.
    var merged: [Range<UInt64>] {
        sorted { $0.lowerBound < $1.lowerBound }.reduce(into: []) { merged, range in
            if let last = merged.last, range.lowerBound <= last.upperBound {
                merged[merged.count - 1] = last.lowerBound..<Swift.max(last.upperBound, range.upperBound)
            } else {
                merged.append(range)
            }
        }
    }
}
