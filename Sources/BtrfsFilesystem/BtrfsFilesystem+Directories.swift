package import GuestDisk

extension BtrfsFilesystem {
    /// The inode that the kernel shows where a snapshot has an entry of a subvolume which is not in it: an empty directory.
    private static let placeholder: UInt64 = 2

    package func lookUp(_ name: [UInt8], in directory: FileID) throws(GuestError) -> FileID? {
        let place = try locate(directory)
        guard try requireDirectory(place) else { return nil }
        let key = BtrfsKey(place.inode, BtrfsKey.Kind.directoryItem, NamedItem.hash(name))
        guard let item = try place.tree.item(key),
            let entry = try NamedItem.list(item).first(where: { $0.name == name && $0.isName })
        else { return nil }
        return try file(of: entry, place.inode, place.subvolume)
    }

    package func forEachEntry(
        of directory: FileID, _ body: (_ name: [UInt8], _ file: FileID) throws(GuestError) -> Bool
    ) throws(GuestError) {
        let place = try locate(directory)
        guard try requireDirectory(place) else { return }
        try place.tree.forEachItem(of: place.inode, BtrfsKey.Kind.directoryIndex) { _, data throws(GuestError) in
            for entry in try NamedItem.list(data) where entry.isName {
                guard try body(entry.name, file(of: entry, place.inode, place.subvolume)) else { return false }
            }
            return true
        }
    }

    /// - Returns: false for the directory that stands for an absent subvolume.
    private func requireDirectory(
        _ place: (subvolume: UInt64, inode: UInt64, tree: BtrfsTree)
    ) throws(GuestError) -> Bool {
        guard place.inode != Self.placeholder else { return false }
        guard try inode(place.inode, place.tree).kind == .directory else {
            throw GuestError(.unsupported, "inode \(place.inode) is not a directory")
        }
        return true
    }

    private func file(
        of entry: NamedItem, _ directory: UInt64, _ subvolume: UInt64
    ) throws(GuestError) -> FileID {
        let location = entry.location
        guard location.type == BtrfsKey.Kind.root else { return try file(location.object, inSubvolume: subvolume) }
        if try contains(location.object, called: entry.name, directory: directory, in: subvolume) {
            return try rootDirectory(ofSubvolume: location.object)
        }
        return try file(Self.placeholder, inSubvolume: subvolume)
    }

    package func status(of file: FileID) throws(GuestError) -> FileStatus {
        let place = try locate(file)
        if place.inode == Self.placeholder {
            return FileStatus(
                kind: .directory, permissions: 0o755, owner: 0, group: 0, size: 0, links: 1, modified: 0)
        }
        return try inode(place.inode, place.tree).status
    }

    func inode(_ number: UInt64, _ tree: BtrfsTree) throws(GuestError) -> BtrfsInode {
        guard let item = try tree.item(BtrfsKey(number, BtrfsKey.Kind.inode, 0)) else {
            throw GuestError(.damaged, "inode \(number) is not there")
        }
        return try BtrfsInode(item, number: number)
    }

    package func extendedAttributes(of file: FileID) throws(GuestError) -> [ExtendedAttribute] {
        let place = try locate(file)
        var attributes: [ExtendedAttribute] = []
        try place.tree.forEachItem(of: place.inode, BtrfsKey.Kind.extendedAttribute) { _, data throws(GuestError) in
            attributes += try NamedItem.list(data).map { ExtendedAttribute(name: $0.name, value: $0.value) }
            return true
        }
        return attributes.sorted(by: ExtendedAttribute.isBefore)
    }
}
