import Foundation
package import GuestDisk

/// A disk in a file, for images that other programs look at too.
package final class FileDevice: BlockDevice {
    package let path: String
    package let size: UInt64
    private let descriptor: Int32

    package init(_ path: String) throws {
        self.path = path
        descriptor = open(path, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { throw CocoaError(.fileReadUnknown, userInfo: [NSFilePathErrorKey: path]) }
        size = UInt64(lseek(descriptor, 0, SEEK_END))
    }

    deinit { close(descriptor) }

    package func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(GuestError) {
        try requireInside(offset, buffer.count)
        guard pread(descriptor, buffer.baseAddress, buffer.count, off_t(offset)) == buffer.count else {
            throw GuestError(.disk, "read: errno \(errno)")
        }
    }

    package func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(GuestError) {
        try requireInside(offset, bytes.count)
        guard pwrite(descriptor, bytes.baseAddress, bytes.count, off_t(offset)) == bytes.count else {
            throw GuestError(.disk, "write: errno \(errno)")
        }
    }
}
