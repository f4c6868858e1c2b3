import CDeflate

/// The checksum of zlib, gzip and Ethernet, at memory bandwidth.
package enum CRC32 {
    /// The checksum of `bytes`, or of what had the checksum `previous` and `bytes` behind it.
    package static func checksum(_ bytes: UnsafeRawBufferPointer, continuing previous: UInt32 = 0) -> UInt32 {
        // libdeflate takes no bytes without a pointer as the start of a new sum.
        guard let base = bytes.baseAddress else { return previous }
        // Safe: the buffer is passed with its length.
        return unsafe libdeflate_crc32(previous, base, bytes.count)
    }
}
