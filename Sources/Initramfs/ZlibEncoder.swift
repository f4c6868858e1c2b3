import CZlib

/// One gzip member, without a name or a time in it.
@safe final class ZlibEncoder: ArchiveCodec {
    /// zlib's state, at an address that does not change: it points to itself.
    private let stream: UnsafeMutablePointer<z_stream>

    /// - Parameter level: 1 to 9.
    init(level: Int) {
        unsafe stream = .allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        let gzip: Int32 = 15 + 16
        let memoryLevel: Int32 = 9
        let status = unsafe deflateInit2_(
            stream, Int32(level), Z_DEFLATED, gzip, memoryLevel, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size))
        precondition(status == Z_OK, "zlib has no level \(level), or there is no memory")
    }

    deinit {
        unsafe deflateEnd(stream)
        unsafe stream.deallocate()
    }

    func step(
        _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer, isLast: Bool
    ) -> ArchiveCodecStep {
        let status = unsafe stream.transfer(input, output) { unsafe deflate($0, isLast ? Z_FINISH : Z_NO_FLUSH) }
        let outcome: ArchiveCodecStep.Outcome =
            switch status.code {
            case Z_STREAM_END: .finished
            case Z_OK, Z_BUF_ERROR: .more
            default: .failed
            }
        return ArchiveCodecStep(consumed: status.consumed, produced: status.produced, outcome: outcome)
    }
}
