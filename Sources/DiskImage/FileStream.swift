/// A file, or a part of one, read from its start.
package final class FileStream: ByteStream {
    package let path: String
    package private(set) var position: UInt64 = 0
    private let file: ImageFile

    package var length: UInt64? { file.size }

    package init(_ file: ImageFile) {
        self.file = file
        path = file.path
    }

    package func read(into buffer: UnsafeMutableRawBufferPointer) throws(ImageError) -> Int {
        let count = Int(min(UInt64(buffer.count), file.size - position))
        // Safe: the start of the buffer.
        let wanted = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
        unsafe try file.read(at: position, into: wanted, what: "file")
        position += UInt64(count)
        return count
    }

    package func skip(_ count: UInt64) -> UInt64 {
        let skipped = min(count, file.size - position)
        position += skipped
        return skipped
    }
}
