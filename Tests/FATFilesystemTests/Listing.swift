import FATFilesystem
import Foundation
import GuestDisk
import TestSupport
import Testing

/// What is in a filesystem: for each path, `directory`, or the time and content of a file.
typealias Listing = [String: Entry]

enum Entry: Equatable {
    case directory
    case file(modified: Int64, content: [UInt8])
}

/// The listing of a directory of this machine.
func listing(ofDirectory path: String) throws -> Listing {
    var listing = Listing()
    for name in try FileManager.default.subpathsOfDirectory(atPath: path) {
        var status = stat()
        guard lstat(path + "/" + name, &status) == 0 else { throw CocoaError(.fileReadUnknown) }
        if status.st_mode & S_IFMT == S_IFDIR {
            listing[name] = .directory
        } else {
            listing[name] = .file(
                modified: Int64(status.st_mtim.tv_sec), content: try contents(of: path + "/" + name))
        }
    }
    return listing
}

/// The listing that `filesystem` gives.
func listing(_ filesystem: FATFilesystem) throws -> Listing {
    var listing = Listing()
    func visit(_ directory: FileID, _ path: String, depth: Int) throws {
        var entries: [([UInt8], FileID)] = []
        try filesystem.forEachEntry(of: directory) { name, file in
            entries.append((name, file))
            return true
        }
        for (name, file) in entries {
            let path = path + String(decoding: name, as: UTF8.self)
            let status = try filesystem.status(of: file)
            if status.kind == .directory {
                listing[path] = .directory
                // Damaged directories can be inside themselves.
                if depth < 8 { try visit(file, path + "/", depth: depth + 1) }
            } else {
                listing[path] = .file(
                    modified: status.modified, content: try filesystem.readAll(file, limit: 1 << 24))
            }
        }
    }
    try visit(filesystem.root, "", depth: 0)
    return listing
}

/// Records in what two listings differ, without all content.
func expectSame(_ ours: Listing, _ theirs: Listing) {
    let differences = Set(ours.keys).union(theirs.keys).filter { ours[$0] != theirs[$0] }.sorted()
        .map { "\($0): \(summary(ours[$0])), should be \(summary(theirs[$0]))" }
    #expect(differences == [], "\(differences.joined(separator: "\n"))")
}

private func summary(_ entry: Entry?) -> String {
    switch entry {
    case nil: "missing"
    case .directory: "directory"
    case .file(let modified, let content): "\(content.count) bytes of \(modified), hash \(content.hashValue)"
    }
}
