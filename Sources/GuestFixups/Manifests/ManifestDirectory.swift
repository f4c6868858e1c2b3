import Glibc
import SystemPackage

/// A user's directory with manifests.
package enum ManifestDirectory {
    /// Larger files are no manifests.
    private static let maximumSize = 1 << 20

    /// The manifests in the files `*.yaml` of the directory at `path`, in the order of their names.
    package static func read(_ path: String) throws(ManifestError) -> [Manifest] {
        var manifests: [Manifest] = []
        for name in try names(path) where name.hasSuffix(".yaml") || name.hasSuffix(".yml") {
            let file = "\(path)/\(name)"
            manifests.append(try Manifest(try text(file), file: file))
        }
        guard !manifests.isEmpty else {
            throw ManifestError(
                file: path, line: nil, key: "", message: "there are no manifests (*.yaml) in the directory")
        }
        return manifests
    }

    private static func names(_ path: String) throws(ManifestError) -> [String] {
        guard let directory = unsafe opendir(path) else {
            throw ManifestError(
                file: path, line: nil, key: "", message: "can't read the directory: \(Errno(rawValue: errno))")
        }
        defer { unsafe _ = closedir(directory) }
        var names: [String] = []
        while let entry = unsafe readdir(directory) {
            // Safe: a name that ends with a zero, in memory that stays until the next call.
            names.append(
                unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                    unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
                })
        }
        return names.sorted()
    }

    private static func text(_ path: String) throws(ManifestError) -> String {
        do {
            let file = try FileDescriptor.open(FilePath(path), .readOnly, options: [.closeOnExec, .nonBlocking])
            return try file.closeAfter {
                var bytes: [UInt8] = []
                while bytes.count <= maximumSize {
                    let piece = try unsafe [UInt8](unsafeUninitializedCapacity: 65536) { buffer, count in
                        // Safe: only what has been read counts.
                        count = unsafe try file.read(into: UnsafeMutableRawBufferPointer(buffer))
                    }
                    if piece.isEmpty { return String(decoding: bytes, as: UTF8.self) }
                    bytes += piece
                }
                throw Errno.fileTooLarge
            }
        } catch {
            throw ManifestError(file: path, line: nil, key: "", message: "can't read the file: \(error)")
        }
    }
}
