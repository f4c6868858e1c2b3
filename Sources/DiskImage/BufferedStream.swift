/// Lets small reads of another stream cost little, and its first bytes be looked at before they are read.
package final class BufferedStream: ByteStream {
    private let base: any ByteStream
    /// Bytes that were read from `base` and not yet taken from here: those from `start`.
    private var buffer: [UInt8] = []
    private var start = 0
    package private(set) var position: UInt64 = 0

    /// What is read from the base at a time, in bytes; longer reads bypass the buffer. A pipe holds 64 KiB to 1 MiB.
    private static let blockLength = 256 << 10

    package var path: String { base.path }
    package var length: UInt64? { base.length }

    /// - Parameter base: from which nothing has been read.
    package init(_ base: any ByteStream) {
        self.base = base
    }

    /// The next bytes, up to `count` of them, which stay where they are.
    package func peek(_ count: Int) throws(ImageError) -> [UInt8] {
        if buffer.count - start < count {
            buffer.removeFirst(start)
            start = 0
            buffer += try base.take(count - buffer.count)
        }
        return Array(buffer[start..<min(start + count, buffer.count)])
    }

    package func read(into target: UnsafeMutableRawBufferPointer) throws(ImageError) -> Int {
        var filled = 0
        while filled < target.count {
            if start == buffer.count {
                let wanted = target.count - filled
                if wanted >= Self.blockLength {
                    // Safe: the rest of the target.
                    filled += unsafe try base.read(into: UnsafeMutableRawBufferPointer(rebasing: target[filled...]))
                    break
                }
                buffer = try base.take(Self.blockLength)
                start = 0
                if buffer.isEmpty { break }
            }
            let count = min(target.count - filled, buffer.count - start)
            unsafe buffer.withUnsafeBytes { bytes in
                // Safe: both ranges are inside their buffers.
                unsafe UnsafeMutableRawBufferPointer(rebasing: target[filled..<filled + count])
                    .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[start..<start + count]))
            }
            start += count
            filled += count
        }
        position += UInt64(filled)
        return filled
    }

    package func skip(_ count: UInt64) throws(ImageError) -> UInt64 {
        let buffered = min(count, UInt64(buffer.count - start))
        start += Int(buffered)
        let skipped = buffered == count ? count : buffered + (try base.skip(count - buffered))
        position += skipped
        return skipped
    }
}
