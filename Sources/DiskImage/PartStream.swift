/// The next bytes of another stream, up to a known length.
package final class PartStream: ByteStream {
    package let path: String
    package private(set) var position: UInt64 = 0
    package let length: UInt64?
    private let base: any ByteStream
    private var rest: UInt64

    package init(_ base: any ByteStream, length: UInt64, path: String) {
        self.base = base
        self.length = length
        self.path = path
        rest = length
    }

    package func read(into buffer: UnsafeMutableRawBufferPointer) throws(ImageError) -> Int {
        let wanted = Int(min(UInt64(buffer.count), rest))
        // Safe: the start of the buffer.
        let count = unsafe try base.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted]))
        guard count == wanted else { throw base.truncated("\"\(path)\"") }
        position += UInt64(count)
        rest -= UInt64(count)
        return count
    }
}
