import Conversion
import DiskImage
import Glibc
import SystemPackage

/// An input that can't be opened and read at will: standard input, unless it is a file, or a named pipe.
struct PipeInput {
    /// What stands for standard input.
    static let standardInput = "-"

    private let path: String

    /// - Returns: nil if `path` leads to a file or device, or to nothing.
    init?(path: String) {
        var status = stat()
        let isStandard = path == Self.standardInput
        guard unsafe (isStandard ? fstat(STDIN_FILENO, &status) : stat(path, &status)) == 0 else { return nil }
        switch status.st_mode & S_IFMT {
        case S_IFIFO, S_IFSOCK: break
        // A file from whose start something was read goes on from there.
        case S_IFREG where isStandard && lseek(STDIN_FILENO, 0, SEEK_CUR) > 0: break
        case S_IFCHR where isStandard: break
        default: return nil
        }
        self.path = path
    }

    func open(isCancelled: @escaping @Sendable () -> Bool) throws(ImageError) -> any ByteStream {
        guard path != Self.standardInput else {
            return DescriptorStream(.standardInput, path: "standard input", isOwned: false, isCancelled: isCancelled)
        }
        do {
            let descriptor = try FileDescriptor.open(FilePath(path), .readOnly, options: .closeOnExec)
            return DescriptorStream(descriptor, path: path, isOwned: true, isCancelled: isCancelled)
        } catch {
            throw ImageError(.inputUnreadable, "can't open the input", path: path, errno: error as? Errno)
        }
    }
}
