import Foundation
import GuestDisk

/// A file as a device.
final class FileDevice: BlockDevice {
    let size: UInt64
    private let descriptor: Int32

    init(_ path: String) throws {
        descriptor = open(path, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { throw POSIXError(.ENOENT) }
        size = UInt64(lseek(descriptor, 0, SEEK_END))
    }

    deinit { close(descriptor) }

    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(GuestError) {
        try requireInside(offset, buffer.count)
        guard pread(descriptor, buffer.baseAddress, buffer.count, off_t(offset)) == buffer.count else {
            throw GuestError(.disk, "can't be read")
        }
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(GuestError) {
        try requireInside(offset, bytes.count)
        guard pwrite(descriptor, bytes.baseAddress, bytes.count, off_t(offset)) == bytes.count else {
            throw GuestError(.disk, "can't be written")
        }
    }
}
