package import GuestDisk

/// Changes files of a guest, and remembers what it has changed and what it could not.
///
/// What can't be done is found out before a filesystem is touched, and skipped. A filesystem that fails in the middle of a
/// change is another matter: that error is thrown, and the whole transaction must be given up.
package final class GuestEditor {
    let tree: GuestTree
    package private(set) var changes: [FileChange] = []
    package private(set) var notes: [FixupNote] = []
    private let limit = 512 << 20

    package init(_ tree: GuestTree) {
        self.tree = tree
    }

    /// Remembers what is worth telling.
    func note(_ note: FixupNote) {
        if !notes.contains(note) { notes.append(note) }
    }

    /// Whether files in the directory at `path` can be made and removed.
    func canCreate(in path: String) throws(GuestError) -> Bool {
        guard let directory = try existing(path) else { return false }
        return directory.filesystem.writability == .full
    }

    /// The directory at `path`, or the nearest above it that exists.
    private func existing(_ path: String) throws(GuestError) -> GuestTree.Location? {
        var path = path
        while true {
            if let found = try tree.find(path) { return found }
            guard path != "/" else { return nil }
            path = Self.parent(of: path)
        }
    }

    /// Gives the file at `path` the content `bytes`.
    /// - Returns: whether it now has that content; if not, there is a note.
    @discardableResult
    func replace(_ path: String, with bytes: [UInt8], reason: String) throws(GuestError) -> Bool {
        guard let refusal = try tryToReplace(path, with: bytes, reason: reason) else { return true }
        note(FixupNote(.fileNotChanged, "\(path) can't be changed: \(refusal)", isProblem: true))
        return false
    }

    /// Gives the file at `path` the content `bytes`, if its filesystem lets us.
    /// - Returns: why it doesn't; nil if the file now has that content.
    func tryToReplace(_ path: String, with bytes: [UInt8], reason: String) throws(GuestError) -> GuestError? {
        guard let location = try tree.find(path) else { return GuestError(.notFound, "it is not there") }
        let before = try location.filesystem.readAll(location.file, limit: limit)
        guard before != bytes else { return nil }
        guard location.filesystem.writability != .none else {
            return GuestError(.unsupported, "its filesystem (\(location.filesystem.identity.type)) can't be changed")
        }
        do throws(GuestError) {
            // Filesystems refuse before they touch anything.
            try location.filesystem.overwrite(location.file, with: bytes)
        } catch  where error.code == .unsupported || error.code == .noSpace {
            return error
        }
        changes.append(FileChange(.changed, location.path, reason: reason, before: before, after: bytes))
        return nil
    }

    /// Makes a file at `path`, with directories above it if need be; they belong to root.
    /// - Returns: whether it is there with that content; if not, there is a note unless `isOptional`.
    @discardableResult
    func create(
        _ path: String, _ bytes: [UInt8], permissions: UInt16 = 0o644, reason: String
    ) throws(GuestError) -> Bool {
        if try tree.find(path) != nil { return try replace(path, with: bytes, reason: reason) }
        guard let above = try existing(Self.parent(of: path)), above.filesystem.writability == .full else {
            return false
        }
        var directory = above
        var prefix = above.path == "/" ? "" : above.path
        let missing = path.dropFirst(prefix.count).split(separator: "/").map(String.init)
        let model = try directory.filesystem.status(of: directory.file)
        let label = try directory.filesystem.extendedAttributes(of: directory.file).filter {
            $0.name == "security.selinux"
        }
        for name in missing.dropLast() {
            let made = NewFile(.directory, permissions: 0o755, modified: model.modified, attributes: label)
            let file = try directory.filesystem.create(Array(name.utf8), in: directory.file, made)
            prefix += "/" + name
            directory = GuestTree.Location(path: prefix, filesystem: directory.filesystem, file: file)
        }
        guard let name = missing.last else { return false }
        let made = NewFile(.regular(bytes), permissions: permissions, modified: model.modified, attributes: label)
        _ = try directory.filesystem.create(Array(name.utf8), in: directory.file, made)
        changes.append(
            FileChange(.created, "\(prefix)/\(name)", reason: reason, before: nil, after: bytes))
        return true
    }

    /// Removes the file or symbolic link at `path`.
    /// - Returns: whether it is gone.
    @discardableResult
    func remove(_ path: String, reason: String) throws(GuestError) -> Bool {
        guard let location = try tree.find(path, followsLast: false) else { return true }
        guard let directory = try tree.find(Self.parent(of: location.path)), directory.filesystem.writability == .full
        else {
            return false
        }
        let status = try location.filesystem.status(of: location.file)
        guard status.kind == .regular || status.kind == .symbolicLink else { return false }
        let before =
            try status.kind == .regular
            ? location.filesystem.readAll(location.file, limit: limit) : location.filesystem.readLink(location.file)
        let name = location.path.split(separator: "/").last.map(String.init) ?? ""
        try directory.filesystem.remove(Array(name.utf8), in: directory.file)
        changes.append(FileChange(.removed, location.path, reason: reason, before: before, after: nil))
        return true
    }

    /// Puts everything onto the devices.
    package func flush() throws(GuestError) {
        for path in tree.mounts.keys.sorted() {
            if let mount = tree.mounts[path], mount.filesystem.writability != .none { try mount.filesystem.flush() }
        }
    }

    /// The directory that holds what is at `path`.
    static func parent(of path: String) -> String {
        let parts = path.split(separator: "/").dropLast()
        return "/" + parts.joined(separator: "/")
    }
}
