import CDeflate
import CZlib
import CZstd
package import DiskImage

/// Inflates compressed units. Has the codecs' working memory; one per worker.
@safe package final class UnitDecoder {
    private let deflate: OpaquePointer
    private let zstd: OpaquePointer

    /// Why a unit can't be inflated.
    package struct Failure: Error {
        package var message: String
    }

    package init() {
        guard let deflate = unsafe libdeflate_alloc_decompressor(), let zstd = unsafe ZSTD_createDCtx() else {
            preconditionFailure("there is no memory for the decoders")
        }
        unsafe self.deflate = deflate
        unsafe self.zstd = zstd
    }

    deinit {
        unsafe libdeflate_free_decompressor(deflate)
        unsafe ZSTD_freeDCtx(zstd)
    }

    /// Inflates a unit from `source`, which may be followed by foreign bytes, so that it fills `destination` exactly, or
    /// (VMDK grains) at least `minimumLength` bytes of it.
    package func decode(
        _ coding: CompressedUnit.Coding, _ source: UnsafeRawBufferPointer,
        into destination: UnsafeMutableRawBufferPointer, minimumLength: Int? = nil
    ) throws(Failure) {
        switch coding {
        case .deflate:
            try unsafe inflateRaw(source, into: destination)
        case .zstd:
            try unsafe decodeZstd(source, into: destination)
        case .vmdkGrain(let headerLength, let sector):
            try unsafe decodeGrain(
                source, headerLength: headerLength, sector: sector, into: destination,
                minimumLength: minimumLength ?? destination.count)
        }
    }

    private func inflateRaw(
        _ source: UnsafeRawBufferPointer, into destination: UnsafeMutableRawBufferPointer
    ) throws(Failure) {
        // Safe: both buffers are passed with their lengths. Without a pointer for the actual size, libdeflate
        // succeeds only if the stream fills the destination exactly.
        let result = unsafe libdeflate_deflate_decompress(
            deflate, source.baseAddress, source.count, destination.baseAddress, destination.count, nil)
        if result == LIBDEFLATE_SUCCESS { return }
        if result == LIBDEFLATE_SHORT_OUTPUT {
            throw Failure(message: "the deflate stream ends before the cluster is full")
        }
        try unsafe ZlibInflate.fill(destination, from: source)
    }

    private func decodeZstd(
        _ source: UnsafeRawBufferPointer, into destination: UnsafeMutableRawBufferPointer
    ) throws(Failure) {
        var consumed = 0
        var produced = 0
        while produced < destination.count {
            // Safe: both rests are inside their buffers and passed with their lengths.
            let rest = unsafe UnsafeRawBufferPointer(rebasing: source[consumed...])
            let frame = unsafe ZSTD_findFrameCompressedSize(rest.baseAddress, rest.count)
            guard ZSTD_isError(frame) == 0 else {
                throw Failure(message: "the Zstandard frame is damaged or ends before the cluster is full")
            }
            let room = unsafe UnsafeMutableRawBufferPointer(rebasing: destination[produced...])
            let length = unsafe ZSTD_decompressDCtx(zstd, room.baseAddress, room.count, rest.baseAddress, frame)
            guard ZSTD_isError(length) == 0 else {
                throw Failure(message: "Zstandard: \(unsafe String(cString: ZSTD_getErrorName(length)))")
            }
            consumed += frame
            produced += length
        }
    }

    private func decodeGrain(
        _ source: UnsafeRawBufferPointer, headerLength: Int, sector: UInt64,
        into destination: UnsafeMutableRawBufferPointer, minimumLength: Int
    ) throws(Failure) {
        guard source.count >= headerLength else { throw Failure(message: "the file ends inside the grain's header") }
        if headerLength == 12 {
            let stored = UInt64(littleEndian: unsafe source.loadUnaligned(as: UInt64.self))
            guard stored == sector else {
                throw Failure(message: "the grain says that it is sector \(stored), the grain table \(sector)")
            }
        }
        let length = Int(
            UInt32(littleEndian: unsafe source.loadUnaligned(fromByteOffset: headerLength - 4, as: UInt32.self)))
        guard length <= source.count - headerLength else {
            throw Failure(
                message: "the grain says that it has \(length) bytes, but the file or the next grain follows after "
                    + "\(source.count - headerLength)")
        }
        // Safe: header and length were checked against the buffer.
        let stream = unsafe UnsafeRawBufferPointer(rebasing: source[headerLength..<headerLength + length])
        var inflated = 0
        switch unsafe libdeflate_zlib_decompress(
            deflate, stream.baseAddress, stream.count, destination.baseAddress, destination.count, &inflated)
        {
        case LIBDEFLATE_SUCCESS where inflated >= minimumLength: return
        case LIBDEFLATE_SUCCESS: throw Failure(message: "the grain inflates to less than a grain")
        case LIBDEFLATE_INSUFFICIENT_SPACE: throw Failure(message: "the grain inflates to more than a grain")
        default: throw Failure(message: "the grain's zlib stream is damaged")
        }
    }
}
