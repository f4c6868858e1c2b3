/// Compresses or decompresses a stream piece by piece.
protocol ArchiveCodec: AnyObject {
    /// Reads of `input` and writes to `output` what it can.
    /// - Parameter isLast: nothing follows `input`; only encoders ask.
    func step(
        _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer, isLast: Bool
    ) -> ArchiveCodecStep
}

/// What one step of a codec has done.
struct ArchiveCodecStep {
    enum Outcome {
        case more, finished, failed
    }

    /// Bytes.
    var consumed, produced: Int
    var outcome: Outcome
}
