import CLinux
import Glibc
import NBD
package import SystemPackage

/// An existing file that is changed in place; everything else opens images read-only.
///
/// What is written is in the order that ``barrier()`` demands on the device, so an image whose tables are changed new ones
/// first can be interrupted at any moment.
package final class EditableFile: OutputSink, Sendable {
    package let path: String
    package let descriptor: FileDescriptor

    /// Opens the file at `path` with the locks of QEMU's writers.
    /// - Throws: `outputInUse` if another process has it open, `outputFailed` if it can't be written, `invalidOption` if it is no
    ///   file.
    package init(path: String) throws(ImageError) {
        guard !NBDExport.isURI(path) else {
            throw ImageError(
                .invalidOption, "an image can't be changed through a server", advice: "change it where its file is",
                path: path)
        }
        self.path = path
        do {
            descriptor = try FileDescriptor.open(FilePath(path), .readWrite, options: [.closeOnExec, .nonBlocking])
        } catch {
            throw ImageError(.outputFailed, "can't open the image for writing", path: path, errno: error as? Errno)
        }
        do throws(ImageError) {
            try FileLock.lockForWriting(descriptor, path: path)
        } catch {
            try? descriptor.close()
            throw ImageError(
                .outputInUse, "another process has the image open", advice: "shut the machine down, or wait for it",
                path: path)
        }
    }

    deinit {
        FileLock.release(descriptor)
        try? descriptor.close()
    }

    /// The same file to be read, as it is now.
    package func reader() throws(ImageError) -> ImageFile {
        // The same file even if someone has moved it; the locks are ours.
        try ImageFile(path: path, location: FilePath("/proc/self/fd/\(descriptor.rawValue)"), lock: false)
    }

    package func write(_ bytes: [UInt8], file: Int, at offset: HostOffset) throws(ImageError) {
        do {
            // Safe: the buffer is read during the call only.
            _ = unsafe try bytes.withUnsafeBytes {
                unsafe try descriptor.writeAll(toAbsoluteOffset: Int64(offset.bytes), $0)
            }
        } catch {
            throw failure("can't write to the image", at: offset.bytes, error as? Errno)
        }
    }

    /// Makes the range a hole where the filesystem has such, else writes zeros.
    package func writeZeros(at offset: HostOffset, length: UInt64) throws(ImageError) {
        if linux_punch_hole(descriptor.rawValue, off_t(offset.bytes), off_t(length)) == 0 { return }
        try overwriteWithZeros(offset.bytes..<offset.bytes + length)
    }

    /// Writes zeros, byte by byte.
    package func overwriteWithZeros(_ range: Range<UInt64>) throws(ImageError) {
        var position = range.lowerBound
        while position < range.upperBound {
            let count = min(1 << 20, range.upperBound - position)
            try write([UInt8](repeating: 0, count: Int(count)), at: HostOffset(position))
            position += count
        }
    }

    package func reserve(_ file: Int, upTo size: UInt64) {}

    package func barrier() throws(ImageError) {
        guard fsync(descriptor.rawValue) == 0 else {
            throw failure("the system could not write the image to the device", at: nil, .current)
        }
    }

    /// Makes the file `size` bytes long; what is new reads as zeros.
    package func setSize(_ size: UInt64) throws(ImageError) {
        guard ftruncate(descriptor.rawValue, off_t(size)) == 0 else {
            throw failure("can't set the size of the file to \(size) bytes", at: nil, .current)
        }
    }

    /// Allocates storage for `range`.
    package func allocate(_ range: Range<UInt64>) throws(ImageError) {
        guard
            linux_allocate(descriptor.rawValue, off_t(range.lowerBound), off_t(range.upperBound - range.lowerBound))
                == 0
        else { throw failure("can't allocate \(range.count) bytes", at: range.lowerBound, .current) }
    }

    /// Allocates storage for the holes in `range`, which is inside the file, where the filesystem can.
    package func reserve(_ range: Range<UInt64>) throws(ImageError) {
        do throws(ImageError) {
            try allocate(range)
        } catch {
            guard error.errno == .notSupported else { throw error }
        }
    }

    private func failure(_ message: String, at offset: UInt64?, _ errno: Errno?) -> ImageError {
        let noRoom = errno == .noSpace || errno == .diskQuotaExceeded
        return ImageError(
            noRoom ? .outputNoSpace : .outputFailed, message, advice: noRoom ? "make room and try again" : nil,
            path: path, offset: offset, errno: errno)
    }
}
