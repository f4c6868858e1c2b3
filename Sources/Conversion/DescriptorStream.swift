package import DiskImage
import Glibc
package import SystemPackage

/// What comes out of a pipe or socket.
package final class DescriptorStream: ByteStream {
    package let path: String
    package private(set) var position: UInt64 = 0
    private let descriptor: FileDescriptor
    private let isOwned: Bool
    private let isCancelled: @Sendable () -> Bool

    /// How long a read may wait, in milliseconds, before it is asked whether anyone still wants it.
    private static let patience: Int32 = 200

    package var length: UInt64? { nil }

    /// - Parameters:
    ///   - isOwned: close the descriptor in the end.
    ///   - isCancelled: asked while nothing comes.
    package init(
        _ descriptor: FileDescriptor, path: String, isOwned: Bool, isCancelled: @escaping @Sendable () -> Bool
    ) {
        self.descriptor = descriptor
        self.isOwned = isOwned
        self.path = path
        self.isCancelled = isCancelled
    }

    deinit {
        if isOwned { try? descriptor.close() }
    }

    package func read(into buffer: UnsafeMutableRawBufferPointer) throws(ImageError) -> Int {
        var filled = 0
        while filled < buffer.count {
            try wait()
            let count: Int
            do {
                // Safe: the rest of the buffer.
                count = unsafe try descriptor.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
            } catch {
                if error as? Errno == .resourceTemporarilyUnavailable { continue }
                throw ImageError(
                    .inputUnreadable, "can't read the input", path: path, offset: position + UInt64(filled),
                    errno: error as? Errno)
            }
            if count == 0 { break }
            filled += count
        }
        position += UInt64(filled)
        return filled
    }

    /// Returns when there is something to read, or the end has come.
    private func wait() throws(ImageError) {
        var request = pollfd(fd: descriptor.rawValue, events: Int16(POLLIN), revents: 0)
        // Safe: one request, on the stack.
        while unsafe poll(&request, 1, Self.patience) <= 0 {
            if isCancelled() { throw ImageError(.cancelled, "the conversion was cancelled") }
        }
    }
}
