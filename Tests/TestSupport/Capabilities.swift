import Foundation

/// What this machine lets tests do. Tests that need more are skipped, and counted as such.
package enum Capabilities {
    package static let isRoot = geteuid() == 0

    /// Loop devices can be made and mounted: needs root, and a kernel that has them.
    package static let canMount: Bool = {
        guard isRoot else { return false }
        return (try? LoopMount(filesystem: "ext4", size: 16 << 20)) != nil
    }()

    package static func has(_ command: String) -> Bool {
        (try? Tool.run("sh", ["-c", "command -v \(command)"]).status) == 0
    }
}

/// A file as a block device, as long as its owner lives.
package final class LoopDevice: Sendable {
    package let path: String

    package init(_ file: String, sectorSize: Int = 512) throws {
        path = try Tool.check("losetup", ["-f", "--show", "-b", "\(sectorSize)", file])
            .trimmingCharacters(in: .whitespacesAndNewlines)
    }

    deinit {
        _ = try? Tool.run("losetup", ["-d", path])
    }
}

/// A filesystem in a file, mounted as long as its owner lives.
package final class LoopMount: Sendable {
    package let path: String
    private let directory: TemporaryDirectory

    package init(filesystem: String, size: Int) throws {
        directory = try TemporaryDirectory()
        path = directory.file("mount")
        let image = directory.file("image")
        try Tool.check("truncate", ["-s", "\(size)", image])
        try Tool.check("mkfs.\(filesystem)", ["-q", image])
        try Tool.check("mkdir", [path])
        try Tool.check("mount", ["-o", "loop", image, path])
    }

    deinit {
        try? Tool.unmount(path)
    }
}
