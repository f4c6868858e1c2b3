import CZlib

/// Inflates what libdeflate refuses: streams whose last block is never finished, which QEMU accepts as long as they
/// fill the cluster.
enum ZlibInflate {
    /// Fills `destination` from the raw deflate stream in `source`.
    static func fill(
        _ destination: UnsafeMutableRawBufferPointer, from source: UnsafeRawBufferPointer
    ) throws(UnitDecoder.Failure) {
        var stream = unsafe z_stream()
        let rawWindow: Int32 = -15
        guard
            unsafe inflateInit2_(&stream, rawWindow, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
        else { throw UnitDecoder.Failure(message: "zlib can't be started") }
        defer { unsafe inflateEnd(&stream) }
        // Safe: zlib only reads through `next_in`; both buffers are passed with their lengths, which fit 32 bits
        // because a cluster has at most 2 MiB.
        unsafe stream.next_in = UnsafeMutablePointer(mutating: source.baseAddress?.assumingMemoryBound(to: UInt8.self))
        unsafe stream.avail_in = UInt32(source.count)
        unsafe stream.next_out = destination.baseAddress?.assumingMemoryBound(to: UInt8.self)
        unsafe stream.avail_out = UInt32(destination.count)
        let status = unsafe inflate(&stream, Z_SYNC_FLUSH)
        guard status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR else {
            throw UnitDecoder.Failure(message: "the deflate stream is damaged")
        }
        guard unsafe stream.avail_out == 0 else {
            throw UnitDecoder.Failure(message: "the deflate stream ends before the cluster is full")
        }
        guard status != Z_STREAM_END else { return }
        // The cluster is full, the stream goes on: harmless only if nothing more comes out of it.
        var surplus: UInt8 = 0
        let overflows = unsafe withUnsafeMutablePointer(to: &surplus) { extra in
            unsafe stream.next_out = extra
            unsafe stream.avail_out = 1
            unsafe _ = inflate(&stream, Z_SYNC_FLUSH)
            return unsafe stream.avail_out == 0
        }
        if overflows { throw UnitDecoder.Failure(message: "the deflate stream inflates to more than a cluster") }
    }
}
