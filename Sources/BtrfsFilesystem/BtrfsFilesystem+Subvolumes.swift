import ByteLayout
import GuestDisk

extension BtrfsFilesystem {
    /// Where the number of a subvolume begins in that of a file.
    private static let inodeBits: UInt64 = 48
    private static let inodeMask: UInt64 = 1 << inodeBits - 1
    /// Bytes of a path that a subvolume can be mounted by: `PATH_MAX` of Linux, less the zero.
    static let maximumPath = 4095

    /// The number of the subvolume that is mounted if nothing else is asked for.
    func defaultSubvolume() throws(GuestError) -> UInt64 {
        let name = Array("default".utf8)
        let key = BtrfsKey(BtrfsKey.Object.rootDirectory, BtrfsKey.Kind.directoryItem, NamedItem.hash(name))
        guard let item = try rootTree.item(key) else { return BtrfsKey.Object.topLevel }
        return try NamedItem.list(item).first { $0.name == name }?.location.object ?? BtrfsKey.Object.topLevel
    }

    /// The number by which we know a file.
    func file(_ inode: UInt64, inSubvolume id: UInt64) throws(GuestError) -> FileID {
        guard inode <= Self.inodeMask else {
            throw GuestError(.unsupported, "inode \(inode) has a number that is too large")
        }
        let index: Int
        if let known = metSubvolumes.firstIndex(where: { $0.id == id }) {
            index = known
        } else {
            index = metSubvolumes.count
            guard index < 1 << 16 else { throw GuestError(.unsupported, "there are too many subvolumes") }
            metSubvolumes.append((id, nil))
        }
        return FileID(UInt64(index) << Self.inodeBits | inode)
    }

    func rootDirectory(ofSubvolume id: UInt64) throws(GuestError) -> FileID {
        try file(BtrfsKey.Object.first, inSubvolume: id)
    }

    /// What a file's number says: its subvolume and its inode.
    func locate(_ file: FileID) throws(GuestError) -> (subvolume: UInt64, inode: UInt64, tree: BtrfsTree) {
        let index = Int(file.number >> Self.inodeBits)
        guard index < metSubvolumes.count else {
            throw GuestError(.notFound, "there is no file \(file.number)")
        }
        let id = metSubvolumes[index].id
        let tree: BtrfsTree
        if let known = metSubvolumes[index].tree {
            tree = known
        } else {
            tree = try self.tree(ofSubvolume: id)
            metSubvolumes[index].tree = tree
        }
        return (id, file.number & Self.inodeMask, tree)
    }

    /// The tree of a subvolume, or another that the tree of trees has.
    func tree(ofSubvolume id: UInt64) throws(GuestError) -> BtrfsTree {
        let item = try rootItem(id)
        return try BtrfsTree(
            space,
            BtrfsTree.Root(
                address: item.littleEndian(UInt64.self, at: 176), level: item[238],
                generation: item.littleEndian(UInt64.self, at: 160)))
    }

    func isReadOnly(subvolume id: UInt64) throws(GuestError) -> Bool {
        try rootItem(id).littleEndian(UInt64.self, at: 208) & 1 != 0
    }

    private func rootItem(_ id: UInt64) throws(GuestError) -> [UInt8] {
        // Snapshots have the transaction that made them in their key.
        guard let found = try rootTree.lastItem(notAfter: BtrfsKey(id, BtrfsKey.Kind.root, .max)),
            found.key.object == id, found.key.type == BtrfsKey.Kind.root, found.data.count >= 239
        else { throw GuestError(.damaged, "the tree \(id) is not there") }
        return found.data
    }

    /// The subvolumes in a subvolume, with their paths in it; and why some have none that can be told.
    func children(
        ofSubvolume id: UInt64
    ) throws(GuestError) -> (found: [(id: UInt64, path: String)], problem: GuestError?) {
        var references: [(id: UInt64, directory: UInt64, name: [UInt8])] = []
        try rootTree.forEachItem(of: id, BtrfsKey.Kind.rootReference) { key, data throws(GuestError) in
            guard let reference = Self.reference(data) else {
                throw GuestError(.damaged, "the entry of subvolume \(key.offset) is damaged")
            }
            references.append((key.offset, reference.directory, reference.name))
            return true
        }
        var children: [(id: UInt64, path: String)] = []
        var problem: GuestError?
        for reference in references {
            do throws(GuestError) {
                let names = try path(ofDirectory: reference.directory, inSubvolume: id) + [reference.name]
                let path = names.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "/")
                children.append((reference.id, path))
            } catch {
                try error.requireReadable()
                problem = error
            }
        }
        return (children, problem)
    }

    /// Whether `name` in a directory still stands for the subvolume that it says: in a snapshot it doesn't.
    func contains(
        _ child: UInt64, called name: [UInt8], directory: UInt64, in parent: UInt64
    ) throws(GuestError) -> Bool {
        guard let data = try rootTree.item(BtrfsKey(parent, BtrfsKey.Kind.rootReference, child)),
            let reference = Self.reference(data)
        else { return false }
        return reference.directory == directory && reference.name == name
    }

    private static func reference(_ data: [UInt8]) -> (directory: UInt64, name: [UInt8])? {
        guard data.count >= 18 else { return nil }
        let end = 18 + Int(data.littleEndian(UInt16.self, at: 16))
        guard end <= data.count else { return nil }
        return (data.littleEndian(UInt64.self, at: 0), Array(data[18..<end]))
    }

    /// The names that lead from the root of a subvolume to one of its directories.
    private func path(ofDirectory inode: UInt64, inSubvolume id: UInt64) throws(GuestError) -> [[UInt8]] {
        let tree = try locate(rootDirectory(ofSubvolume: id)).tree
        var names: [[UInt8]] = []
        var length = 0
        var inode = inode
        while inode != BtrfsKey.Object.first {
            guard directoriesLeft > 0, length <= Self.maximumPath else {
                throw GuestError(.unsupported, "directory \(inode) of subvolume \(id) is too deep")
            }
            directoriesLeft -= 1
            guard let item = try tree.lastItem(notAfter: BtrfsKey(inode, BtrfsKey.Kind.inodeReference, .max)),
                item.key.object == inode, item.key.type == BtrfsKey.Kind.inodeReference, item.data.count >= 10,
                item.data.count >= 10 + Int(item.data.littleEndian(UInt16.self, at: 8))
            else { throw GuestError(.damaged, "directory \(inode) of subvolume \(id) has no name") }
            names.append(Array(item.data[10..<10 + Int(item.data.littleEndian(UInt16.self, at: 8))]))
            length += names[names.count - 1].count + 1
            inode = item.key.offset
        }
        return names.reversed()
    }
}
