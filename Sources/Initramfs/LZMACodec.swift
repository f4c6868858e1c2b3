import CLZMA

/// The formats of liblzma: xz, and the older lzma.
@safe final class LZMACodec: ArchiveCodec {
    /// liblzma's state.
    private let stream: UnsafeMutablePointer<lzma_stream>

    /// Bytes that decoding may take: `xz -9` needs 65 MiB.
    private static let memoryLimit: UInt64 = 128 << 20

    private init() {
        unsafe stream = .allocate(capacity: 1)
        unsafe stream.initialize(to: lzma_stream())
    }

    deinit {
        unsafe lzma_end(stream)
        unsafe stream.deallocate()
    }

    /// Reads one stream of the xz format; of what follows it, nothing.
    static func xzDecoder() -> LZMACodec {
        unsafe started { unsafe lzma_stream_decoder($0, memoryLimit, 0) }
    }

    /// Reads one file of the lzma format.
    static func lzmaDecoder() -> LZMACodec {
        unsafe started { unsafe lzma_alone_decoder($0, memoryLimit) }
    }

    /// Writes one stream of the xz format that the kernel reads: it knows no other checksum than CRC32
    /// (Documentation/staging/xz.rst). The stream has blocks of a fixed size, so that it is the same whatever the
    /// number of threads.
    /// - Parameters:
    ///   - preset: 0 to 9.
    ///   - x86: with the filter for machine code, which the kernel reads if `CONFIG_XZ_DEC_X86` is set.
    static func xzEncoder(preset: UInt32, x86: Bool) -> LZMACodec {
        var options = unsafe lzma_options_lzma()
        let failed = unsafe lzma_lzma_preset(&options, preset)
        precondition(failed == 0, "liblzma has no preset \(preset)")
        // Safe: liblzma copies the filters and their options before it returns.
        return unsafe withUnsafeMutablePointer(to: &options) { options in
            let lzma2 = unsafe lzma_filter(id: lzma_vli(CLZMA_FILTER_LZMA2), options: options)
            let machineCode = unsafe lzma_filter(id: lzma_vli(CLZMA_FILTER_X86), options: nil)
            let end = unsafe lzma_filter(id: lzma_vli(CLZMA_FILTERS_END), options: nil)
            let filters = unsafe x86 ? [machineCode, lzma2, end] : [lzma2, end]
            return unsafe filters.withUnsafeBufferPointer { filters in
                var settings = unsafe lzma_mt()
                unsafe settings.threads = threads
                unsafe settings.block_size = blockSize
                unsafe settings.filters = filters.baseAddress
                unsafe settings.check = LZMA_CHECK_CRC32
                return unsafe started { unsafe lzma_stream_encoder_mt($0, &settings) }
            }
        }
    }

    /// Of encoders.
    private static let threads: UInt32 = 2
    /// Bytes of the content in a block: enough for two threads to have work in a small archive. At preset 1, whose
    /// dictionary has 1 MiB, larger blocks save less than 1 %.
    private static let blockSize: UInt64 = 4 << 20

    private static func started(_ start: (UnsafeMutablePointer<lzma_stream>) -> lzma_ret) -> LZMACodec {
        let codec = LZMACodec()
        let status = unsafe start(codec.stream)
        precondition(status == LZMA_OK, "there is no memory for liblzma")
        return codec
    }

    func step(
        _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer, isLast: Bool
    ) -> ArchiveCodecStep {
        // Safe: both buffers are passed with their lengths.
        unsafe stream.pointee.next_in = input.baseAddress?.assumingMemoryBound(to: UInt8.self)
        unsafe stream.pointee.avail_in = input.count
        unsafe stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
        unsafe stream.pointee.avail_out = output.count
        let status = unsafe lzma_code(stream, isLast ? LZMA_FINISH : LZMA_RUN)
        let outcome: ArchiveCodecStep.Outcome =
            switch status {
            case LZMA_STREAM_END: .finished
            case LZMA_OK, LZMA_BUF_ERROR: .more
            default: .failed
            }
        return unsafe ArchiveCodecStep(
            consumed: input.count - stream.pointee.avail_in, produced: output.count - stream.pointee.avail_out,
            outcome: outcome)
    }
}
