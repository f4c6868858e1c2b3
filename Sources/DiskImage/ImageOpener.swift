import Glibc
import SystemPackage

/// Opens the other files an image names: extents now, parents later.
///
/// A descriptor comes with the image, perhaps from a stranger. Unless `allowsOutsideFiles`, the files it names must lie
/// in the directory of the image or below it, links resolved: otherwise converting an uploaded image could copy
/// `/etc/shadow` into the result (CVE-2022-47951 and its family).
package struct ImageOpener: Sendable {
    package var allowsOutsideFiles: Bool
    /// Take QEMU's locks on every file.
    package var locks: Bool

    package init(allowsOutsideFiles: Bool = false, locks: Bool = true) {
        self.allowsOutsideFiles = allowsOutsideFiles
        self.locks = locks
    }

    /// Opens the image itself.
    package func open(_ path: String) throws(ImageError) -> ImageFile {
        try ImageFile(path: path, lock: locks)
    }

    /// Opens the file that `image` calls `name`: relative names start in the directory of `image`, both kinds of slash
    /// separate, and an absolute path that does not exist here (one of an ESXi or Windows host) is looked for by its
    /// last component beside the image.
    package func open(named name: String, by image: ImageFile) throws(ImageError) -> ImageFile {
        let directory = FilePath(image.path).removingLastComponent()
        let candidates = Self.candidates(name: name, directory: directory)
        guard let path = candidates.first(where: { unsafe access($0.string, F_OK) == 0 }) else {
            throw ImageError(
                .inputUnreadable, "the image names a file \"\(name)\" that is not there",
                advice: "put it beside the image", path: image.path, errno: .noSuchFileOrDirectory)
        }
        if !allowsOutsideFiles, !Self.isInside(path, directory) {
            throw ImageError(
                .inputUnsupported, "the image names a file outside its own directory: \"\(name)\"",
                advice: "if you trust the image, pass --allow-outside-files", path: image.path)
        }
        let file = try ImageFile(path: path.string, lock: locks)
        if file.isBlockDevice, !allowsOutsideFiles {
            throw ImageError(
                .inputUnsupported, "the image names a device: \"\(name)\"",
                advice: "if you trust the image, pass --allow-outside-files", path: image.path)
        }
        return file
    }

    static func candidates(name: String, directory: FilePath) -> [FilePath] {
        let slashed = String(name.map { $0 == "\\" ? "/" : $0 })
        var candidates = [FilePath(name)]
        if slashed != name { candidates.append(FilePath(slashed)) }
        candidates = candidates.map { directory.pushing($0) }
        if let base = FilePath(slashed).lastComponent {
            candidates.append(directory.appending(base))
        }
        return candidates
    }

    private static func isInside(_ path: FilePath, _ directory: FilePath) -> Bool {
        let base = directory.isEmpty ? FilePath(".") : directory
        guard let resolved = resolve(path), let root = resolve(base) else { return false }
        return resolved.starts(with: root)
    }

    /// The path with every link resolved, or nil if it leads nowhere.
    private static func resolve(_ path: FilePath) -> FilePath? {
        guard let resolved = unsafe realpath(path.string, nil) else { return nil }
        defer { unsafe free(resolved) }
        return FilePath(unsafe String(cString: resolved))
    }
}
