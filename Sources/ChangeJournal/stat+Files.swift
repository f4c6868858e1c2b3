import DiskImage
import Glibc
import SystemPackage

extension stat {
    /// What fstat says of an open file.
    init(of descriptor: FileDescriptor) throws(Errno) {
        self.init()
        guard unsafe fstat(descriptor.rawValue, &self) == 0 else { throw .current }
    }

    /// What lstat says of what is at `path`, a link not followed.
    init(at path: FilePath) throws(Errno) {
        self.init()
        guard unsafe path.withPlatformString({ unsafe lstat($0, &self) }) == 0 else { throw .current }
    }

    var isRegularFile: Bool { st_mode & S_IFMT == S_IFREG }
    var isLink: Bool { st_mode & S_IFMT == S_IFLNK }
    var isBlockDevice: Bool { st_mode & S_IFMT == S_IFBLK }

    func isSameFile(as other: stat) -> Bool { st_dev == other.st_dev && st_ino == other.st_ino }
}
