import Foundation

/// A directory that is deleted with its owner.
package final class TemporaryDirectory: Sendable {
    package let path: String

    package init(in parent: String = NSTemporaryDirectory()) throws {
        path = parent + "/v2v-test-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    /// The path of `name` in the directory.
    package func file(_ name: String) -> String { path + "/" + name }

    /// Writes `bytes` to `name`.
    @discardableResult
    package func write(_ bytes: [UInt8], to name: String, parents: Bool = false) throws -> String {
        if parents {
            let parent = URL(filePath: file(name)).deletingLastPathComponent()
            try FileManager.default.createDirectory(at: parent, withIntermediateDirectories: true)
        }
        try Data(bytes).write(to: URL(filePath: file(name)))
        return file(name)
    }

    /// Writes `pieces`, later ones over earlier ones, to `name`; the rest is a hole.
    @discardableResult
    package func write(_ pieces: [(offset: Int, bytes: [UInt8])], to name: String) throws -> String {
        try Data().write(to: URL(filePath: file(name)))
        let handle = try FileHandle(forWritingTo: URL(filePath: file(name)))
        defer { try? handle.close() }
        for piece in pieces {
            try handle.seek(toOffset: UInt64(piece.offset))
            try handle.write(contentsOf: Data(piece.bytes))
        }
        return file(name)
    }

    /// Waits until there is a file called `name`, as long as a busy machine may need to start a program.
    package func wait(for name: String) throws {
        for _ in 0..<30_000 {
            if names.contains(name) { return }
            usleep(1000)
        }
        throw CocoaError(.fileNoSuchFile, userInfo: [NSFilePathErrorKey: file(name)])
    }

    /// What is in the directory, sorted.
    package var names: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
    }
}

/// The bytes of a file.
package func contents(of path: String) throws -> [UInt8] {
    // Foundation leaks a page for every empty file it reads.
    if fileSize(path) == 0 { return [] }
    return [UInt8](try Data(contentsOf: URL(filePath: path)))
}

/// Bytes of the file at `path`, nil if there is none.
package func fileSize(_ path: String) -> Int? {
    var status = stat()
    return stat(path, &status) == 0 ? status.st_size : nil
}

extension Tool {
    /// Writes `bytes` to the file at `path`.
    package static func write(_ bytes: [UInt8], to path: String) throws {
        try Data(bytes).write(to: URL(filePath: path))
    }
}
