import CLinux
import DiskImage
import Glibc
import Synchronization
import SystemPackage

extension OutputFile {
    /// Whether the filesystem lets this file, in which there is nothing yet, share blocks with `file`. Tries it with the
    /// `length` bytes at `offset`.
    func canShare(_ file: ImageFile, at offset: UInt64, length: UInt64) -> Bool {
        var status = stat()
        guard case .file = file.storage, unsafe fstat(descriptor.rawValue, &status) == 0 else { return false }
        let canShare = clone(file, offset, length, 0) == 0
        // Empty again, and as long as it was.
        return ftruncate(descriptor.rawValue, 0) == 0 && ftruncate(descriptor.rawValue, status.st_size) == 0 && canShare
    }

    /// Makes `length` bytes at `target` share the blocks of `file` at `offset`; all are multiples of a block.
    /// - Returns: false if the filesystem can't.
    func share(_ file: ImageFile, at offset: UInt64, length: UInt64, to target: HostOffset) throws(ImageError) -> Bool {
        guard clone(file, offset, length, target.bytes) != 0 else {
            job.sharedBytes.add(length, ordering: .relaxed)
            return true
        }
        let errno = Errno.current
        guard [.invalidArgument, .notSupported, .improperLink].contains(errno) else {
            throw failure("can't share the input's blocks", at: target.bytes, errno)
        }
        return false
    }

    /// - Returns: what the system call does.
    private func clone(_ file: ImageFile, _ offset: UInt64, _ length: UInt64, _ target: UInt64) -> Int32 {
        guard case .file(let source) = file.storage else { preconditionFailure("a server has no blocks to share") }
        return linux_clone_range(
            source.rawValue, off_t(file.base + offset), off_t(length), descriptor.rawValue, off_t(target))
    }
}
