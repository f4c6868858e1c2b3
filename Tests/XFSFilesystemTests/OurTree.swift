import GuestDisk
import Testing
import XFSFilesystem

/// A tree as we read it.
struct OurTree {
    /// Directories of more entries are only looked up in now and then.
    private static let lookedUp = 100

    private let filesystem: XFSFilesystem
    private var tree: Tree = [:]
    /// Files that have been read: those of several names are read once.
    private var known: [FileID: FileRecord] = [:]

    static func read(_ filesystem: XFSFilesystem) throws -> Tree {
        var ours = OurTree(filesystem: filesystem)
        try ours.add(filesystem.root, [])
        return ours.tree
    }

    private init(filesystem: XFSFilesystem) {
        self.filesystem = filesystem
    }

    private mutating func add(_ file: FileID, _ path: [UInt8]) throws {
        let record = try record(file)
        tree[path] = record
        guard record.status.kind == .directory else { return }
        var entries: [(name: [UInt8], file: FileID)] = []
        try filesystem.forEachEntry(of: file) { name, file in
            entries.append((name, file))
            return true
        }
        let step = entries.count / Self.lookedUp + 1
        for (index, entry) in entries.enumerated() {
            if index % step == 0 {
                #expect(try filesystem.lookUp(entry.name, in: file) == entry.file)
                #expect(try filesystem.lookUp(entry.name + [UInt8(ascii: "~")], in: file) == nil)
            }
            try add(entry.file, path + [UInt8(ascii: "/")] + entry.name)
        }
    }

    private mutating func record(_ file: FileID) throws -> FileRecord {
        if let record = known[file] { return record }
        var record = FileRecord(status: try filesystem.status(of: file))
        record.attributes = try filesystem.extendedAttributes(of: file)
        switch record.status.kind {
        case .regular: record.content = try filesystem.readAll(file, limit: 64 << 20)
        case .symbolicLink: record.target = try filesystem.readLink(file)
        default: break
        }
        known[file] = record
        return record
    }
}
