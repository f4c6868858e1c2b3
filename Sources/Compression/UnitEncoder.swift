import CDeflate
import CISAL
import CZstd
package import DiskImage

/// Compresses units with one codec at one level. Has the codec's working memory; one per worker.
package protocol UnitEncoder: AnyObject {
    /// Compresses `source`, which the disk has at `offset`, to the start of `destination`.
    /// - Returns: the compressed bytes, or nil if they don't fit.
    func encode(
        _ source: UnsafeRawBufferPointer, at offset: GuestOffset, into destination: UnsafeMutableRawBufferPointer
    ) -> Int?
}

extension UnitEncoding {
    /// An encoder of this kind.
    ///
    /// Deflate level 0 is ISA-L's level 1 (470 MB/s a core on 64 KiB clusters of installed software, 0.357 of the size),
    /// 1 to 12 are libdeflate's (level 1: 185 MB/s, 0.343; 6: 80 MB/s, 0.314). libdeflate's window can't be limited, so
    /// with the smaller one they are zlib's.
    package func makeEncoder() -> any UnitEncoder {
        switch self {
        case .deflate(level: ...0, let window): ISALEncoder(window: window)
        case .deflate(let level, .kib32): LibdeflateEncoder(level: level)
        case .deflate(let level, .kib4): ZlibEncoder(level: level)
        case .zstd(let level): ZstdEncoder(level: level)
        case .vmdkGrain(let level): GrainEncoder(deflate: UnitEncoding.deflate(level: level).makeEncoder())
        }
    }
}

/// Raw deflate by libdeflate.
@safe final class LibdeflateEncoder: UnitEncoder {
    private let compressor: OpaquePointer

    init(level: Int) {
        guard let compressor = unsafe libdeflate_alloc_compressor(Int32(level)) else {
            preconditionFailure("libdeflate has no level \(level), or there is no memory")
        }
        unsafe self.compressor = compressor
    }

    deinit {
        unsafe libdeflate_free_compressor(compressor)
    }

    func encode(
        _ source: UnsafeRawBufferPointer, at offset: GuestOffset, into destination: UnsafeMutableRawBufferPointer
    ) -> Int? {
        // Safe: both buffers are passed with their lengths.
        let length = unsafe libdeflate_deflate_compress(
            compressor, source.baseAddress, source.count, destination.baseAddress, destination.count)
        return length > 0 ? length : nil
    }
}

/// Raw deflate by ISA-L, at its level 1. Its result may differ between processors with different vector units, and now and
/// then between runs: of 1,000 conversions of 9 MiB seven had other matches than the rest, with the same input, also where
/// all memory that ISA-L is given was set before each unit. Every one inflates to the same bytes.
@safe final class ISALEncoder: UnitEncoder {
    private let stream: UnsafeMutablePointer<isal_zstream>
    private let levelBuffer: UnsafeMutableRawBufferPointer
    private let window: DeflateWindow

    init(window: DeflateWindow) {
        self.window = window
        unsafe stream = .allocate(capacity: 1)
        unsafe stream.initialize(to: isal_zstream())
        unsafe levelBuffer = .allocate(byteCount: CISAL_LEVEL1_BUFFER_SIZE, alignment: 64)
    }

    deinit {
        unsafe stream.deallocate()
        unsafe levelBuffer.deallocate()
    }

    func encode(
        _ source: UnsafeRawBufferPointer, at offset: GuestOffset, into destination: UnsafeMutableRawBufferPointer
    ) -> Int? {
        // Safe: every field that the call reads is set; both buffers are passed with their lengths, and ISA-L only reads
        // through `next_in`.
        unsafe isal_deflate_stateless_init(stream)
        unsafe stream.pointee.level = 1
        // How far back it looks, which `isal_deflate_stateless_init` leaves as it was. 0 is the default, 15.
        unsafe stream.pointee.hist_bits = window == .kib4 ? 12 : 0
        unsafe stream.pointee.level_buf = levelBuffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
        unsafe stream.pointee.level_buf_size = UInt32(levelBuffer.count)
        unsafe stream.pointee.end_of_stream = 1
        unsafe stream.pointee.flush = UInt16(NO_FLUSH)
        unsafe stream.pointee.next_in = UnsafeMutablePointer(
            mutating: source.baseAddress?.assumingMemoryBound(to: UInt8.self))
        unsafe stream.pointee.avail_in = UInt32(source.count)
        unsafe stream.pointee.next_out = destination.baseAddress?.assumingMemoryBound(to: UInt8.self)
        unsafe stream.pointee.avail_out = UInt32(destination.count)
        guard unsafe isal_deflate_stateless(stream) == COMP_OK else { return nil }
        return Int(unsafe stream.pointee.total_out)
    }
}

/// Zstandard frames by libzstd.
@safe final class ZstdEncoder: UnitEncoder {
    private let context: OpaquePointer

    init(level: Int) {
        guard let context = unsafe ZSTD_createCCtx() else { preconditionFailure("there is no memory for libzstd") }
        unsafe self.context = context
        let status = unsafe ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, Int32(level))
        precondition(ZSTD_isError(status) == 0, "libzstd has no level \(level)")
    }

    deinit {
        unsafe ZSTD_freeCCtx(context)
    }

    func encode(
        _ source: UnsafeRawBufferPointer, at offset: GuestOffset, into destination: UnsafeMutableRawBufferPointer
    ) -> Int? {
        // Safe: both buffers are passed with their lengths.
        let length = unsafe ZSTD_compress2(
            context, destination.baseAddress, destination.count, source.baseAddress, source.count)
        return ZSTD_isError(length) == 0 ? length : nil
    }
}
