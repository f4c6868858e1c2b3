import CZlib

/// Compresses with zlib: raw deflate with negative window bits, a zlib stream with positive ones.
package func deflated(_ bytes: [UInt8], windowBits: Int32, flush: Int32 = Z_FINISH, level: Int32 = 6) throws -> [UInt8]
{
    var stream = z_stream()
    deflateInit2_(
        &stream, level, Z_DEFLATED, windowBits, 9, Z_DEFAULT_STRATEGY, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    defer { deflateEnd(&stream) }
    var input = bytes
    var output = [UInt8](repeating: 0, count: bytes.count + bytes.count / 8 + 1024)
    let count = input.withUnsafeMutableBytes { source in
        output.withUnsafeMutableBytes { target in
            stream.next_in = source.baseAddress?.assumingMemoryBound(to: UInt8.self)
            stream.avail_in = UInt32(source.count)
            stream.next_out = target.baseAddress?.assumingMemoryBound(to: UInt8.self)
            stream.avail_out = UInt32(target.count)
            deflate(&stream, flush)
            return target.count - Int(stream.avail_out)
        }
    }
    return Array(output[..<count])
}
