import Foundation
import TestSupport
import XFSFilesystem

/// An image with an XFS filesystem that mkfs.xfs made.
final class XFSImage: Sendable {
    let path: String
    private let directory: TemporaryDirectory

    /// - Parameters:
    ///   - options: of mkfs.xfs. Small images are only made with `--unsupported`, which is given too.
    ///   - size: as `truncate` takes it.
    init(_ options: [String], size: String = "64M") throws {
        directory = try TemporaryDirectory()
        path = directory.file("image")
        try Tool.check("truncate", ["-s", size, path])
        try Tool.check("mkfs.xfs", ["-q", "--unsupported"] + options + [path])
    }

    private init(_ directory: TemporaryDirectory) {
        self.directory = directory
        path = directory.file("image")
    }

    /// Another with the same content.
    func copy() throws -> XFSImage {
        let copy = XFSImage(try TemporaryDirectory())
        try Tool.check("cp", ["--sparse=always", path, copy.path])
        return copy
    }

    /// A path beside the image.
    func file(_ name: String) -> String { directory.file(name) }

    /// Mounts it while `body` runs.
    @discardableResult
    func mounted<Result>(_ options: String = "loop", _ body: (String) throws -> Result) throws -> Result {
        let mount = directory.file("mount")
        try Tool.check("mkdir", ["-p", mount])
        try Tool.check("mount", ["-t", "xfs", "-o", options, path, mount])
        let result: Result
        do {
            result = try body(mount)
        } catch {
            try? Tool.unmount(mount)
            throw error
        }
        try Tool.unmount(mount)
        return result
    }

    /// As the kernel shows it.
    func kernelTree() throws -> Tree { try mounted("loop,ro") { try KernelTree.read($0) } }

    func filesystem() throws -> XFSFilesystem { try XFSFilesystem(device: FileDevice(path)) }

    /// What xfs_repair complains of; nothing if it is content.
    func complaints() throws -> String {
        let result = try Tool.run("xfs_repair", ["-n", path])
        return result.status == 0 ? "" : result.output + result.error
    }

    /// Runs commands of xfs_db that may change the image.
    @discardableResult
    func edit(_ commands: [String]) throws -> String {
        try Tool.check("xfs_db", ["-x"] + commands.flatMap { ["-c", $0] } + [path])
    }

    /// What xfs_db prints of `field`, after `commands`.
    func value(_ field: String, _ commands: [String]) throws -> String {
        let output = try edit(commands + ["print \(field)"])
        return String(output.split(separator: "= ").last ?? "").trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
