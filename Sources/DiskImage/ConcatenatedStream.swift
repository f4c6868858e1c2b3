/// Streams one behind the other.
package final class ConcatenatedStream: ByteStream {
    package let path: String
    package private(set) var position: UInt64 = 0
    package let length: UInt64?
    private var rest: ArraySlice<any ByteStream>

    /// - Parameter path: what messages call it.
    package init(_ streams: [any ByteStream], path: String) {
        self.path = path
        rest = streams[...]
        length = streams.reduce(UInt64?(0)) { sum, stream in
            sum.flatMap { sum in stream.length.map { sum + $0 } }
        }
    }

    package func read(into buffer: UnsafeMutableRawBufferPointer) throws(ImageError) -> Int {
        var filled = 0
        while filled < buffer.count, let stream = rest.first {
            // Safe: the rest of the buffer.
            let count = unsafe try stream.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
            filled += count
            if filled < buffer.count { rest.removeFirst() }
        }
        position += UInt64(filled)
        return filled
    }
}
