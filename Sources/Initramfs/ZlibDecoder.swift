import CZlib

/// Gzip members (RFC 1952), one at a time, as the kernel reads them.
@safe final class ZlibDecoder: ArchiveCodec {
    /// zlib's state, at an address that does not change: it points to itself.
    private let stream: UnsafeMutablePointer<z_stream>

    init() {
        unsafe stream = .allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        let gzipOnly: Int32 = 15 + 16
        let status = unsafe inflateInit2_(stream, gzipOnly, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        precondition(status == Z_OK, "zlib can't be started")
    }

    deinit {
        unsafe inflateEnd(stream)
        unsafe stream.deallocate()
    }

    func step(
        _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer, isLast: Bool
    ) -> ArchiveCodecStep {
        let status = unsafe stream.transfer(input, output) { unsafe inflate($0, Z_NO_FLUSH) }
        let outcome: ArchiveCodecStep.Outcome =
            switch status.code {
            case Z_STREAM_END: .finished
            case Z_OK, Z_BUF_ERROR: .more
            default: .failed
            }
        return ArchiveCodecStep(consumed: status.consumed, produced: status.produced, outcome: outcome)
    }
}

extension UnsafeMutablePointer where Pointee == z_stream {
    /// Calls zlib with these buffers.
    func transfer(
        _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer,
        _ call: (UnsafeMutablePointer<z_stream>) -> Int32
    ) -> (code: Int32, consumed: Int, produced: Int) {
        // Safe: zlib only reads through `next_in`, and gets no more bytes than the buffers have, in 32 bits.
        let inputCount = min(input.count, 1 << 30)
        let outputCount = min(output.count, 1 << 30)
        unsafe pointee.next_in = UnsafeMutablePointer<UInt8>(
            mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
        unsafe pointee.avail_in = UInt32(inputCount)
        unsafe pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
        unsafe pointee.avail_out = UInt32(outputCount)
        let code = unsafe call(self)
        return unsafe (code, inputCount - Int(pointee.avail_in), outputCount - Int(pointee.avail_out))
    }
}
