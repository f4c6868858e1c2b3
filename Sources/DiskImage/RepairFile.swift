import Glibc
import SystemPackage

/// An existing image that is written to: the only way to do so, for repairs. Everything else opens images read-only.
package final class RepairFile: Sendable {
    package let path: String
    package let identity: FileIdentity
    private let descriptor: FileDescriptor

    /// Opens the image at `path` with the locks of QEMU's writers.
    /// - Throws: `inputInUse` if another process has it open, `outputFailed` if it can't be written.
    package init(path: String) throws(ImageError) {
        self.path = path
        do {
            descriptor = try FileDescriptor.open(FilePath(path), .readWrite, options: [.closeOnExec, .nonBlocking])
        } catch {
            throw ImageError(.outputFailed, "can't open the image for repair", path: path, errno: error as? Errno)
        }
        do throws(ImageError) {
            var status = stat()
            guard unsafe fstat(descriptor.rawValue, &status) == 0 else {
                throw ImageError(.inputUnreadable, "can't examine the image", path: path, errno: .current)
            }
            identity = FileIdentity(status)
            try FileLock.lockForWriting(descriptor, path: path)
        } catch {
            try? descriptor.close()
            guard error.code == .outputInUse else { throw error }
            throw ImageError(
                .inputInUse, "another process has the image open", advice: "shut the machine down", path: path)
        }
    }

    deinit {
        FileLock.release(descriptor)
        try? descriptor.close()
    }

    /// Writes `bytes` at `offset`; behind the end the file grows.
    package func write(_ bytes: [UInt8], at offset: UInt64) throws(ImageError) {
        do {
            // Safe: the buffer is read during the call only.
            _ = unsafe try bytes.withUnsafeBytes { unsafe try descriptor.writeAll(toAbsoluteOffset: Int64(offset), $0) }
        } catch {
            let errno = error as? Errno
            throw ImageError(
                errno == .noSpace ? .outputNoSpace : .outputFailed, "can't write to the image", path: path,
                offset: offset, errno: errno)
        }
    }

    /// Waits until what was written is on the device: what comes later must not get there before.
    package func flush() throws(ImageError) {
        guard fsync(descriptor.rawValue) == 0 else {
            throw ImageError(.outputFailed, "can't flush the image to its device", path: path, errno: .current)
        }
    }
}
