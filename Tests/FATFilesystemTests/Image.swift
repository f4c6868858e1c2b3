import FATFilesystem
import Foundation
import GuestDisk
import TestSupport

/// An image with a filesystem, in a directory of its own. mtools and fsck.vfat, which share no code, are its judges.
struct Image {
    static let hasTools = ["mkfs.vfat", "fsck.vfat", "mcopy"].allSatisfy { Capabilities.has($0) }

    let directory: TemporaryDirectory
    let path: String

    /// What mkfs.vfat makes with `options`, filled by mtools with the files of `tree`.
    init(_ options: String, size: String, tree: String? = nil) throws {
        directory = try TemporaryDirectory()
        path = directory.file("image")
        try Tool.check("truncate", ["-s", size, path])
        try Tool.check("mkfs.vfat", options.split(separator: " ").map(String.init) + [path])
        guard let tree else { return }
        let names = try FileManager.default.contentsOfDirectory(atPath: tree).sorted()
        try Self.mtools("mcopy", ["-s", "-m", "-i", path] + names.map { tree + "/" + $0 } + ["::/"])
    }

    func open() throws -> FATFilesystem {
        try FATFilesystem(device: FileDevice(path))
    }

    /// What `fsck.vfat` finds fault with; nil if nothing.
    func complaints() throws -> String? {
        let result = try Tool.run("fsck.vfat", ["-n", "-v", path])
        return result.status == 0 ? nil : result.output + result.error
    }

    /// What mtools sees.
    func judgedListing() throws -> Listing {
        let copy = directory.file("copy-" + UUID().uuidString)
        try Tool.check("mkdir", [copy])
        // An empty filesystem has nothing that it would copy.
        if try Self.mtools("mdir", ["-b", "-i", path, "::/"]) != "" {
            try Self.mtools("mcopy", ["-s", "-m", "-n", "-i", path, "::/*", copy])
        }
        return try listing(ofDirectory: copy)
    }

    /// Runs a command of mtools, with UTC for its clock, and names in UTF-8.
    @discardableResult
    static func mtools(_ command: String, _ arguments: [String]) throws -> String {
        try Tool.check("env", ["TZ=UTC", "LC_ALL=C.UTF-8", "MTOOLS_SKIP_CHECK=1", command] + arguments)
    }
}

extension FATFilesystem {
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
