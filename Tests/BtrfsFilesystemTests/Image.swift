import BtrfsFilesystem
import Foundation
import GuestDisk
import TestSupport

/// An image with a filesystem that the kernel has filled, in a directory of its own.
struct Image {
    /// The kernel is the judge, and what fills the images.
    static let canFill = Capabilities.isRoot && Capabilities.has("mkfs.btrfs") && (try? Image("").fill("")) != nil

    let directory: TemporaryDirectory
    let path: String

    /// What mkfs.btrfs makes with `options`.
    init(_ options: String, size: String = "128M") throws {
        directory = try TemporaryDirectory()
        path = directory.file("image")
        try Tool.check("truncate", ["-s", size, path])
        try Tool.check("mkfs.btrfs", ["-q"] + options.split(separator: " ").map(String.init) + [path])
    }

    /// Runs a program in Python with the mounted filesystem as its directory.
    func fill(_ script: String, options: String = "") throws {
        try mounted("loop,\(options)") { try Tool.check("python3", ["-c", script, $0]) }
    }

    /// The listing that the kernel gives of what it mounts with `options`.
    func kernelListing(_ options: String) throws -> FileListing {
        try mounted("loop,ro,\(options)") { try FileListing(ofDirectory: $0) }
    }

    @discardableResult
    func mounted<Result>(_ options: String, _ body: (_ mount: String) throws -> Result) throws -> Result {
        let mount = directory.file("mount")
        try Tool.check("mkdir", ["-p", mount])
        try Tool.check("mount", ["-t", "btrfs", "-o", options, path, mount])
        defer { try? Tool.unmount(mount) }
        return try body(mount)
    }

    func open() throws -> BtrfsFilesystem {
        try BtrfsFilesystem(device: FileDevice(path))
    }
}
