import CZstd

/// One Zstandard frame.
@safe final class ZstdEncoder: ArchiveCodec {
    private let context: OpaquePointer

    /// - Parameter level: 1 to 19; its window is one that every kernel takes.
    init(level: Int) {
        guard let context = unsafe ZSTD_createCCtx() else { preconditionFailure("there is no memory for libzstd") }
        unsafe self.context = context
        set(ZSTD_c_compressionLevel, level)
    }

    deinit {
        unsafe ZSTD_freeCCtx(context)
    }

    private func set(_ parameter: ZSTD_cParameter, _ value: Int) {
        let status = unsafe ZSTD_CCtx_setParameter(context, parameter, Int32(value))
        precondition(ZSTD_isError(status) == 0, "libzstd has no such parameter, or was built without threads")
    }

    func step(
        _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer, isLast: Bool
    ) -> ArchiveCodecStep {
        // Safe: both buffers are passed with their lengths.
        var source = unsafe ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
        var destination = unsafe ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
        let left = unsafe ZSTD_compressStream2(
            context, &destination, &source, isLast ? ZSTD_e_end : ZSTD_e_continue)
        let outcome: ArchiveCodecStep.Outcome =
            if ZSTD_isError(left) != 0 { .failed } else if isLast, left == 0 { .finished } else { .more }
        return unsafe ArchiveCodecStep(consumed: source.pos, produced: destination.pos, outcome: outcome)
    }
}
