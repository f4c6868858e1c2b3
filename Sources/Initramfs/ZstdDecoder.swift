import CZstd

/// Zstandard frames, one at a time, as the kernel reads them.
@safe final class ZstdDecoder: ArchiveCodec {
    private let context: OpaquePointer

    /// The largest window that the kernel takes, as a power of two (lib/decompress_unzstd.c): what a frame can make us
    /// hold.
    private static let windowLog: Int32 = 27

    init() {
        guard let context = unsafe ZSTD_createDCtx() else { preconditionFailure("there is no memory for libzstd") }
        unsafe self.context = context
        let status = unsafe ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, Self.windowLog)
        precondition(ZSTD_isError(status) == 0, "libzstd takes no window of 2^\(Self.windowLog)")
    }

    deinit {
        unsafe ZSTD_freeDCtx(context)
    }

    func step(
        _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer, isLast: Bool
    ) -> ArchiveCodecStep {
        // Safe: both buffers are passed with their lengths.
        var source = unsafe ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
        var destination = unsafe ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
        let status = unsafe ZSTD_decompressStream(context, &destination, &source)
        let outcome: ArchiveCodecStep.Outcome =
            if ZSTD_isError(status) != 0 { .failed } else if status == 0 { .finished } else { .more }
        return unsafe ArchiveCodecStep(consumed: source.pos, produced: destination.pos, outcome: outcome)
    }
}
