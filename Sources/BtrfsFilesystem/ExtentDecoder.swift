import CZlib
import CZstd
import GuestDisk

/// Decompresses extents.
enum ExtentDecoder {
    enum Compression {
        case zlib
        case lzo
        case zstd
    }

    /// Most bytes of a compressed extent, as it is and decompressed. The kernel makes them of 128 KiB.
    static let maximumLength: UInt64 = 1 << 20

    /// What `source`, which may have foreign bytes behind it, decompresses to: `count` bytes, zeros where it ends before.
    static func decode(
        _ compression: Compression, _ source: [UInt8], count: Int, sectorSize: Int
    ) throws(GuestError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let produced =
            switch compression {
            case .zlib: inflate(source, into: &bytes)
            case .zstd: decodeZstd(source, into: &bytes)
            case .lzo: LZOStream.decode(source, into: &bytes, sectorSize: sectorSize)
            }
        guard let produced else { throw GuestError(.damaged, "a compressed extent of a file is damaged") }
        // Zstandard copies in large steps, and leaves what it likes behind the end.
        bytes.replaceSubrange(produced..., with: [UInt8](repeating: 0, count: count - produced))
        return bytes
    }

    private static func inflate(_ source: [UInt8], into bytes: inout [UInt8]) -> Int? {
        var produced = UInt(bytes.count)
        var consumed = UInt(source.count)
        return unsafe source.withUnsafeBufferPointer { source in
            unsafe bytes.withUnsafeMutableBufferPointer { bytes in
                // Safe: both buffers are passed with their lengths.
                let code = unsafe uncompress2(bytes.baseAddress, &produced, source.baseAddress, &consumed)
                return code == Z_OK ? Int(produced) : nil
            }
        }
    }

    private static func decodeZstd(_ source: [UInt8], into bytes: inout [UInt8]) -> Int? {
        unsafe source.withUnsafeBytes { source in
            unsafe bytes.withUnsafeMutableBytes { bytes in
                // Safe: both buffers are passed with their lengths.
                let frame = unsafe ZSTD_findFrameCompressedSize(source.baseAddress, source.count)
                guard ZSTD_isError(frame) == 0 else { return nil }
                let length = unsafe ZSTD_decompress(bytes.baseAddress, bytes.count, source.baseAddress, frame)
                return ZSTD_isError(length) == 0 ? length : nil
            }
        }
    }
}
