/// Runs a codec over a stream that comes in pieces.
struct CodecStream {
    private let codec: any ArchiveCodec
    /// What comes out goes through here.
    private var buffer = [UInt8](repeating: 0, count: 256 << 10)

    init(_ codec: any ArchiveCodec) {
        self.codec = codec
    }

    /// Runs over `input`, or up to where the stream in it ends, and hands what comes out to `sink` in pieces.
    /// - Returns: bytes of `input` that were read, and whether the stream has ended.
    mutating func run(
        over input: ArraySlice<UInt8>, isLast: Bool = false,
        sink: (ArraySlice<UInt8>) throws(ArchiveProblem) -> Void
    ) throws(ArchiveProblem) -> (consumed: Int, isFinished: Bool) {
        var consumed = 0
        while true {
            let rest = input.dropFirst(consumed)
            // Safe: codecs use the buffers during the call only, and know their lengths.
            let step = unsafe buffer.withUnsafeMutableBytes { [codec] output in
                unsafe rest.withUnsafeBytes { unsafe codec.step($0, output, isLast: isLast) }
            }
            consumed += step.consumed
            if step.produced > 0 { try sink(buffer[..<step.produced]) }
            switch step.outcome {
            case .finished: return (consumed, true)
            case .failed: throw ArchiveProblem("the compressed data are damaged")
            case .more: break
            }
            // An encoder that is to finish gets on in the end: its threads may still be at work.
            if step.consumed == 0, step.produced == 0, !isLast { return (consumed, false) }
        }
    }
}
