import GuestDisk
import Testing
import XFSFilesystem

/// A tree as we read it.
enum OurTree {
    /// Directories of more entries are only looked up in now and then.
    private static let lookedUp = 300

    static func read(_ filesystem: XFSFilesystem) throws -> Tree {
        var tree: Tree = [:]
        try add(filesystem.root, [], of: filesystem, to: &tree)
        return tree
    }

    private static func add(
        _ file: FileID, _ path: [UInt8], of filesystem: XFSFilesystem, to tree: inout Tree
    ) throws {
        let status = try filesystem.status(of: file)
        var record = FileRecord(status: status)
        record.attributes = try filesystem.extendedAttributes(of: file)
        switch status.kind {
        case .regular: record.content = try filesystem.readAll(file, limit: 64 << 20)
        case .symbolicLink: record.target = try filesystem.readLink(file)
        default: break
        }
        tree[path] = record
        guard status.kind == .directory else { return }
        var entries: [(name: [UInt8], file: FileID)] = []
        try filesystem.forEachEntry(of: file) { name, file in
            entries.append((name, file))
            return true
        }
        let step = entries.count / lookedUp + 1
        for (index, entry) in entries.enumerated() {
            if index % step == 0 {
                #expect(try filesystem.lookUp(entry.name, in: file) == entry.file)
                #expect(try filesystem.lookUp(entry.name + [UInt8(ascii: "~")], in: file) == nil)
            }
            try add(entry.file, path + [UInt8(ascii: "/")] + entry.name, of: filesystem, to: &tree)
        }
    }
}
