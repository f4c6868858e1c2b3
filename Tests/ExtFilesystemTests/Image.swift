import ExtFilesystem
import Foundation
import GuestDisk
import TestSupport

/// An image with a filesystem, in a directory of its own.
struct Image {
    let directory: TemporaryDirectory
    let path: String

    /// What mke2fs makes with `options`, of the files of ``AwkwardTree`` or of none.
    init(_ options: String, size: String = "24M", filled: Bool = true) throws {
        directory = try TemporaryDirectory()
        path = directory.file("image")
        try Tool.check("truncate", ["-s", size, path])
        let tree = filled ? ["-d", try AwkwardTree.shared.get().path] : []
        try Tool.check(
            "mke2fs", ["-q", "-F"] + tree + options.split(separator: " ").map(String.init) + [path])
    }

    /// A copy of the image.
    init(copying other: Image) throws {
        directory = try TemporaryDirectory()
        path = directory.file("image")
        try Tool.check("cp", ["--sparse=always", other.path, path])
    }

    func open() throws -> ExtFilesystem {
        try ExtFilesystem(device: FileDevice(path))
    }

    /// The listing that the kernel gives, mounting it as it is.
    func kernelListing(options: String = "ro") throws -> FileListing {
        let mount = directory.file("mount")
        try Tool.check("mkdir", ["-p", mount])
        try Tool.check("mount", ["-o", "loop,\(options)", path, mount])
        defer { try? Tool.unmount(mount) }
        return try FileListing(ofDirectory: mount)
    }

    /// Runs commands of debugfs, which writes to the image.
    func debug(_ commands: String...) throws {
        let script = try directory.write(Array(commands.joined(separator: "\n").utf8), to: "commands")
        try Tool.check("debugfs", ["-w", "-f", script, path])
    }

    /// What `e2fsck` finds fault with; nil if nothing.
    func complaints() throws -> String? {
        let result = try Tool.run("e2fsck", ["-fn", path])
        return result.status == 0 ? nil : result.output + result.error
    }
}

extension ExtFilesystem {
    /// The file at `path`, names separated by slashes.
    func file(_ path: String) throws -> FileID {
        var file = root
        for name in path.split(separator: "/") {
            guard let next = try lookUp(Array(name.utf8), in: file) else {
                throw GuestError(.notFound, "\(path) is not there")
            }
            file = next
        }
        return file
    }
}
