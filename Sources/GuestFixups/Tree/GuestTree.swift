package import GuestDisk

/// The files of a guest as it sees them: filesystems mounted on each other's directories, and symbolic links that lead from
/// one to another, none of which can lead out.
package final class GuestTree {
    package struct Mount {
        /// Absolute, without a slash at its end but for `/` itself.
        package var path: String
        package var filesystem: any Filesystem
        /// What of the filesystem is mounted: its root, or that of a subvolume.
        package var root: FileID

        package init(path: String, filesystem: any Filesystem, root: FileID) {
            self.path = path
            self.filesystem = filesystem
            self.root = root
        }
    }

    /// A file that a path led to.
    package struct Location {
        /// Without symbolic links.
        package var path: String
        package var filesystem: any Filesystem
        package var file: FileID
    }

    /// By their paths; the root is there.
    package private(set) var mounts: [String: Mount]

    /// Where something is mounted that can't be read.
    private var hidden: Set<String> = []
    /// Files that can't be read, and why.
    package internal(set) var problems: [String] = []

    /// As many as Linux follows in one path.
    private static let maximumLinks = 40

    /// - Parameter root: mounted on `/`.
    package init(root: Mount) {
        mounts = ["/": root]
    }

    /// Mounts a filesystem. Its directory may be missing: then nothing leads there.
    package func mount(_ mount: Mount) {
        mounts[mount.path] = mount
    }

    /// Nothing is found at `path` any more, nor below.
    package func hide(_ path: String) {
        hidden.insert(path)
    }

    /// The file at the absolute `path`; nil if there is none.
    /// - Parameter followsLast: whether a symbolic link at the end of the path is followed.
    package func find(_ path: String, followsLast: Bool = true) throws(GuestError) -> Location? {
        var rest = Self.components(path)
        var location = Location(path: "/", filesystem: rootMount.filesystem, file: rootMount.root)
        /// Directories on the way, for `..`.
        var above: [Location] = []
        var links = 0
        while !rest.isEmpty {
            let name = rest.removeFirst()
            if name == "." { continue }
            if name == ".." {
                location = above.popLast() ?? location
                continue
            }
            guard try location.filesystem.status(of: location.file).kind == .directory,
                let file = try location.filesystem.lookUp(Array(name.utf8), in: location.file)
            else { return nil }
            var next = Location(
                path: location.path == "/" ? "/" + name : location.path + "/" + name, filesystem: location.filesystem,
                file: file)
            guard !hidden.contains(next.path) else { return nil }
            if let mount = mounts[next.path] {
                next = Location(path: next.path, filesystem: mount.filesystem, file: mount.root)
            } else if followsLast || !rest.isEmpty, try next.filesystem.status(of: file).kind == .symbolicLink {
                links += 1
                guard links <= Self.maximumLinks else {
                    throw GuestError(.damaged, "\(path) leads through too many symbolic links")
                }
                let target = String(decoding: try next.filesystem.readLink(file), as: UTF8.self)
                rest = Self.components(target) + rest
                if target.hasPrefix("/") {
                    location = Location(path: "/", filesystem: rootMount.filesystem, file: rootMount.root)
                    above = []
                }
                continue
            }
            above.append(location)
            location = next
        }
        return location
    }

    private var rootMount: Mount {
        guard let mount = mounts["/"] else { preconditionFailure("a tree has a root") }
        return mount
    }

    private static func components(_ path: String) -> [String] {
        path.split(separator: "/").map(String.init)
    }
}
