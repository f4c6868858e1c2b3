import CDeflate
import DiskImage

/// VMDK grains, as ``UnitEncoding/vmdkGrain(level:)`` describes them.
@safe final class GrainEncoder: UnitEncoder {
    /// Makes raw deflate streams.
    private let deflate: any UnitEncoder

    /// First sector (8 bytes) and length of the stream (4).
    private static let headerLength = 12
    /// What every zlib stream starts with whose window has 32 KiB and whose level is a fast one (RFC 1950, 2.2).
    private static let zlibHeader: [UInt8] = [0x78, 0x01]
    /// The Adler-32 of the content, big-endian.
    private static let zlibTrailerLength = 4
    private static let sector = 512

    init(deflate: any UnitEncoder) {
        self.deflate = deflate
    }

    func encode(
        _ source: UnsafeRawBufferPointer, at offset: GuestOffset, into destination: UnsafeMutableRawBufferPointer
    ) -> Int? {
        let start = Self.headerLength + Self.zlibHeader.count
        // Safe: the stream leaves room for the trailer, and what surrounds both is checked against the destination.
        guard
            let length = unsafe deflate.encode(
                source, at: offset,
                into: UnsafeMutableRawBufferPointer(
                    rebasing: destination[start..<destination.count - Self.zlibTrailerLength]))
        else { return nil }
        let end = start + length + Self.zlibTrailerLength
        let padded = (end + Self.sector - 1) / Self.sector * Self.sector
        guard padded <= destination.count else { return nil }
        let adler = unsafe libdeflate_adler32(1, source.baseAddress, source.count)
        unsafe destination.storeBytes(of: (offset.bytes / UInt64(Self.sector)).littleEndian, as: UInt64.self)
        unsafe destination.storeBytes(
            of: UInt32(end - Self.headerLength).littleEndian, toByteOffset: 8, as: UInt32.self)
        unsafe destination.baseAddress?.advanced(by: Self.headerLength).copyMemory(
            from: Self.zlibHeader, byteCount: Self.zlibHeader.count)
        unsafe destination.storeBytes(of: adler.bigEndian, toByteOffset: start + length, as: UInt32.self)
        for index in end..<padded { unsafe destination[index] = 0 }
        return padded
    }
}
