import DiskImage
import SystemPackage

/// A passphrase that is kept in a file, or comes out of a pipe.
enum Passphrase {
    /// libcryptsetup takes passphrases of 512 bytes at most.
    private static let maximumLength = 512

    /// The bytes of what is at `path`.
    static func read(_ path: String) throws(ImageError) -> [UInt8] {
        var bytes: [UInt8] = []
        do {
            let file = try FileDescriptor.open(FilePath(path), .readOnly, options: [.closeOnExec])
            try file.closeAfter {
                var buffer = [UInt8](repeating: 0, count: maximumLength + 1)
                while bytes.count <= maximumLength {
                    // Safe: the buffer is filled during the call only.
                    let count = unsafe try buffer.withUnsafeMutableBytes { unsafe try file.read(into: $0) }
                    guard count > 0 else { break }
                    bytes += buffer[..<count]
                }
            }
        } catch {
            throw ImageError(.inputUnreadable, "can't read the passphrase", path: path, errno: error as? Errno)
        }
        guard bytes.count <= maximumLength else {
            throw ImageError(.invalidOption, "a passphrase has at most \(maximumLength) bytes", path: path)
        }
        return bytes
    }
}
