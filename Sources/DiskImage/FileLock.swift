import CLinux
import Glibc
package import SystemPackage

/// The advisory locks by which QEMU keeps two processes from spoiling one image.
///
/// QEMU (block/file-posix.c, since 2.10) takes shared open-file-description locks on single bytes. Byte 100 + n says
/// "I use permission n", byte 200 + n says "nobody else may use permission n", with permission 0 consistent read,
/// 1 write, 3 resize. Nobody ever takes exclusive locks; conflicts are found by asking who else holds a byte.
package enum FileLock {
    private static let used: off_t = 100
    private static let unshared: off_t = 200
    private static let consistentRead: off_t = 0
    private static let write: off_t = 1
    private static let resize: off_t = 3

    /// Announces a reader that needs the content to stay as it is.
    package static func lockForReading(_ descriptor: FileDescriptor, path: String) throws(ImageError) {
        let conflict = try acquire(
            descriptor, path: path, using: [consistentRead], refusingOthers: [write, resize])
        if conflict {
            throw ImageError(
                .inputInUse, "another process has the image open for writing",
                advice: "shut the machine down or take a snapshot; -U reads it all the same, perhaps inconsistently",
                path: path)
        }
    }

    /// Announces the only writer.
    package static func lockForWriting(_ descriptor: FileDescriptor, path: String) throws(ImageError) {
        let conflict = try acquire(
            descriptor, path: path, using: [consistentRead, write, resize],
            refusingOthers: [consistentRead, write, resize])
        if conflict {
            throw ImageError(
                .outputInUse, "another process has the output open", advice: "wait for it or choose another name",
                path: path)
        }
    }

    /// Gives the locks back at once. Closing does it only when no process that is being started has the descriptor any
    /// more.
    package static func release(_ descriptor: FileDescriptor) {
        _ = linux_unlock(descriptor.rawValue)
    }

    /// Takes the bytes and tells whether they conflict with another holder's. Filesystems without locks (some network
    /// ones) have no conflicts.
    private static func acquire(
        _ descriptor: FileDescriptor, path: String, using: [off_t], refusingOthers: [off_t]
    ) throws(ImageError) -> Bool {
        for byte in using.map({ used + $0 }) + refusingOthers.map({ unshared + $0 }) {
            guard linux_lock_shared(descriptor.rawValue, byte) == 0 else {
                let errno = Errno.current
                if errno == .resourceTemporarilyUnavailable || errno == .permissionDenied { return true }
                return false
            }
        }
        let foreign = using.map { unshared + $0 } + refusingOthers.map { used + $0 }
        return foreign.contains { linux_lock_is_held(descriptor.rawValue, $0) == 1 }
    }
}
