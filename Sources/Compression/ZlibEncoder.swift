import CZlib
import DiskImage

/// Raw deflate by zlib, with a window of 4 KiB.
@safe final class ZlibEncoder: UnitEncoder {
    /// Not to be moved: zlib's state points at it.
    private let stream: UnsafeMutablePointer<z_stream>

    init(level: Int) {
        unsafe stream = .allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        let rawWindow: Int32 = -12
        let memoryLevel: Int32 = 9
        let status = unsafe deflateInit2_(
            stream, Int32(level), Z_DEFLATED, rawWindow, memoryLevel, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size))
        precondition(status == Z_OK, "zlib has no level \(level), or there is no memory")
    }

    deinit {
        unsafe deflateEnd(stream)
        unsafe stream.deallocate()
    }

    func encode(
        _ source: UnsafeRawBufferPointer, at offset: GuestOffset, into destination: UnsafeMutableRawBufferPointer
    ) -> Int? {
        // Safe: zlib only reads through `next_in`; both buffers are passed with their lengths, which fit 32 bits because
        // a unit has at most 2 MiB.
        unsafe deflateReset(stream)
        unsafe stream.pointee.next_in = UnsafeMutablePointer(
            mutating: source.baseAddress?.assumingMemoryBound(to: UInt8.self))
        unsafe stream.pointee.avail_in = UInt32(source.count)
        unsafe stream.pointee.next_out = destination.baseAddress?.assumingMemoryBound(to: UInt8.self)
        unsafe stream.pointee.avail_out = UInt32(destination.count)
        guard unsafe deflate(stream, Z_FINISH) == Z_STREAM_END else { return nil }
        return unsafe destination.count - Int(stream.pointee.avail_out)
    }
}
