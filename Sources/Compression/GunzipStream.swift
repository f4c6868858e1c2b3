import CZlib
package import DiskImage

/// What a gzip file (RFC 1952) holds: one member, or several one behind the other. Checksums and lengths are verified.
@safe package final class GunzipStream: ByteStream {
    package let path: String
    package private(set) var position: UInt64 = 0
    private let base: any ByteStream
    /// zlib's state, at an address that does not change: it points to itself.
    private let stream: UnsafeMutablePointer<z_stream>
    private let input: UnsafeMutableRawBufferPointer
    /// Whether the last member has ended and nothing follows.
    private var isAtEnd = false

    /// Bytes that are read at a time.
    private static let inputLength = 256 << 10
    /// The largest window, and 16 for gzip's header and trailer.
    private static let windowBits: Int32 = 15 + 16
    package static let magic: [UInt8] = [0x1F, 0x8B, 0x08]

    /// The size is only known at the end: the trailer has it modulo 4 GiB, and for the last member.
    package var length: UInt64? { nil }

    package init(_ base: any ByteStream) {
        self.base = base
        path = base.path
        unsafe stream = .allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        unsafe input = .allocate(byteCount: Self.inputLength, alignment: 16)
        let status = unsafe inflateInit2_(
            stream, Self.windowBits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        precondition(status == Z_OK, "zlib can't be started")
    }

    deinit {
        unsafe inflateEnd(stream)
        unsafe stream.deallocate()
        unsafe input.deallocate()
    }

    package func read(into buffer: UnsafeMutableRawBufferPointer) throws(ImageError) -> Int {
        var filled = 0
        while filled < buffer.count, !isAtEnd {
            if unsafe stream.pointee.avail_in == 0, try !refill() {
                throw base.truncated("the gzip file")
            }
            // Safe: the rest of the buffer, passed with its length, of which zlib may want less at a time.
            let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])
            let room = min(rest.count, 1 << 30)
            unsafe stream.pointee.next_out = rest.baseAddress?.assumingMemoryBound(to: UInt8.self)
            unsafe stream.pointee.avail_out = UInt32(room)
            let status = unsafe inflate(stream, Z_NO_FLUSH)
            filled += room - Int(unsafe stream.pointee.avail_out)
            switch status {
            case Z_OK: break
            case Z_STREAM_END: try nextMember()
            default: throw base.damaged("the gzip file is damaged", advice: "copy it again")
            }
        }
        position += UInt64(filled)
        return filled
    }

    /// Reads more of the file.
    /// - Returns: false at its end.
    private func refill() throws(ImageError) -> Bool {
        // Safe: zlib gets as many bytes of our own buffer as were read into it.
        let count = unsafe try base.read(into: input)
        unsafe stream.pointee.next_in = input.baseAddress?.assumingMemoryBound(to: UInt8.self)
        unsafe stream.pointee.avail_in = UInt32(count)
        return count > 0
    }

    /// Starts on the next member. Zeros behind the last one are padding.
    private func nextMember() throws(ImageError) {
        while true {
            if unsafe stream.pointee.avail_in == 0, try !refill() {
                isAtEnd = true
                return
            }
            // Safe: at least one byte is there.
            guard unsafe stream.pointee.next_in.pointee == 0 else { break }
            unsafe stream.pointee.next_in += 1
            unsafe stream.pointee.avail_in -= 1
        }
        // What is no gzip member is noticed by the next `inflate`.
        unsafe inflateReset(stream)
    }
}
