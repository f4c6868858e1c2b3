import CZlib

/// Inflates what libdeflate refuses: streams whose last block is never finished, which QEMU accepts as long as they
/// fill the cluster. What comes behind a full cluster says nothing: behind an unfinished stream it may be the next one.
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
        // zlib looks for the next block even when there is no room left, and may find rubbish.
        guard unsafe stream.avail_out > 0 else { return }
        guard status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR else {
            throw UnitDecoder.Failure(message: "the deflate stream is damaged")
        }
        throw UnitDecoder.Failure(message: "the deflate stream ends before the cluster is full")
    }
}
