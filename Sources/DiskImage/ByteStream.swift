/// Bytes that come in order: of a file, a pipe, or out of something compressed.
package protocol ByteStream: AnyObject {
    /// What messages call it.
    var path: String { get }
    /// Bytes read and skipped so far.
    var position: UInt64 { get }
    /// Bytes from the start to the end, if that is known before the end.
    var length: UInt64? { get }

    /// Fills `buffer`; at the end of the stream only as far as there are bytes.
    /// - Returns: bytes read; fewer than asked for only at the end.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(ImageError) -> Int

    /// Passes over `count` bytes.
    /// - Returns: how many there were; fewer than asked for only at the end.
    func skip(_ count: UInt64) throws(ImageError) -> UInt64
}

extension ByteStream {
    /// Reads what is passed over.
    package func skip(_ count: UInt64) throws(ImageError) -> UInt64 {
        let block: UInt64 = 64 << 10
        var skipped: UInt64 = 0
        while skipped < count {
            let wanted = min(count - skipped, block)
            let got = try take(Int(wanted)).count
            skipped += UInt64(got)
            if got < wanted { break }
        }
        return skipped
    }

    /// The next `count` bytes; fewer only at the end.
    package func take(_ count: Int) throws(ImageError) -> [UInt8] {
        // Making an empty array this way would write to storage that all empty arrays share.
        guard count > 0 else { return [] }
        var problem: ImageError?
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            do throws(ImageError) {
                // Safe: `read` fills the buffer from its start and says how far.
                filled = unsafe try read(into: UnsafeMutableRawBufferPointer(buffer))
            } catch {
                problem = error
            }
        }
        if let problem { throw problem }
        return bytes
    }

    /// An `inputDamaged` error about this stream.
    package func damaged(_ message: String, at offset: UInt64? = nil, advice: String? = nil) -> ImageError {
        ImageError(.inputDamaged, message, advice: advice, path: path, offset: offset ?? position)
    }

    /// The error for an end that comes too early.
    package func truncated(_ what: String) -> ImageError {
        damaged("\(what) is cut short", advice: "copy it again")
    }
}
