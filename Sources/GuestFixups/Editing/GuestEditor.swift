package import GuestDisk

/// Changes files of a guest, and remembers what it has changed and what it could not.
///
/// What can't be done is found out before a filesystem is touched, and skipped. A filesystem that fails in the middle of a
/// change is another matter: that error is thrown, and the whole transaction must be given up.
package final class GuestEditor {
    let tree: GuestTree
    package private(set) var changes: [FileChange] = []
    package private(set) var notes: [FixupNote] = []
    /// What the changes have mended.
    package private(set) var mended: [Obstacle] = []
    /// What is left to the guest itself.
    private(set) var postponed: [FirstBootChange] = []

    /// Bytes of a file that is changed; an initramfs is the largest.
    static let maximumLength = 256 << 20

    package init(_ tree: GuestTree) {
        self.tree = tree
    }

    /// Remembers what is worth telling: of each kind as much as a person reads.
    func note(_ note: FixupNote) {
        let count = notes.count { $0.code == note.code }
        guard count < Self.maximumNotes, !notes.contains(note) else { return }
        notes.append(
            count < Self.maximumNotes - 1
                ? note : FixupNote(note.code, "there is more of the kind", isProblem: note.isProblem))
    }

    /// Remembers what a change has mended; once, and no more of a kind than a person reads.
    func mend(_ obstacle: Obstacle) {
        guard mended.count(where: { $0.code == obstacle.code }) < Self.maximumNotes, !mended.contains(obstacle) else {
            return
        }
        mended.append(obstacle)
    }

    private static let maximumNotes = 50

    /// The nearest directory above `path` that exists, and the names on the way from there.
    private func existing(above path: String) throws(GuestError) -> (directory: GuestTree.Location, names: [String])? {
        var ancestors = path.split(separator: "/").map(String.init)
        var names: [String] = []
        while let name = ancestors.popLast() {
            names.insert(name, at: 0)
            if let found = try tree.find("/" + ancestors.joined(separator: "/")) { return (found, names) }
        }
        return nil
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
        guard try location.filesystem.status(of: location.file).kind == .regular else {
            return GuestError(.unsupported, "it is no regular file")
        }
        let before = try location.filesystem.readAll(location.file, limit: Self.maximumLength)
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

    /// Makes a file at `path`, with directories above it if need be; they belong to root. One that is there gets the content.
    /// - Returns: why that can't be done; nil if it is there with that content.
    func create(
        _ path: String, _ bytes: [UInt8], permissions: UInt16 = 0o644, reason: String
    ) throws(GuestError) -> GuestError? {
        if try tree.find(path) != nil { return try tryToReplace(path, with: bytes, reason: reason) }
        guard var (directory, names) = try existing(above: path), let name = names.popLast() else {
            return GuestError(.notFound, "there is no directory for it")
        }
        guard directory.filesystem.writability == .full else {
            return GuestError(
                .unsupported, "its filesystem (\(directory.filesystem.identity.type)) does not let files be made")
        }
        let model = try directory.filesystem.status(of: directory.file)
        let label = try directory.filesystem.extendedAttributes(of: directory.file).filter {
            $0.name == Array("security.selinux".utf8)
        }
        do throws(GuestError) {
            for name in names {
                let made = NewFile(.directory, permissions: 0o755, modified: model.modified, attributes: label)
                let file = try directory.filesystem.create(Array(name.utf8), in: directory.file, made)
                directory = GuestTree.Location(
                    path: directory.path == "/" ? "/" + name : "\(directory.path)/\(name)",
                    filesystem: directory.filesystem, file: file)
            }
            let made = NewFile(.regular(bytes), permissions: permissions, modified: model.modified, attributes: label)
            _ = try directory.filesystem.create(Array(name.utf8), in: directory.file, made)
        } catch  where error.code == .unsupported || error.code == .noSpace {
            // Filesystems refuse before they touch anything; at worst there is an empty directory.
            return error
        }
        let place = directory.path == "/" ? "" : directory.path
        changes.append(FileChange(.created, "\(place)/\(name)", reason: reason, before: nil, after: bytes))
        return nil
    }

    /// Removes the file or symbolic link at `path`.
    /// - Returns: why that can't be done; nil if it is gone.
    func remove(_ path: String, reason: String) throws(GuestError) -> GuestError? {
        guard let location = try tree.find(path, followsLast: false) else { return nil }
        guard let directory = try tree.find(Self.parent(of: location.path)), directory.filesystem.writability == .full
        else {
            return GuestError(
                .unsupported, "its filesystem (\(location.filesystem.identity.type)) does not let files be removed")
        }
        let status = try location.filesystem.status(of: location.file)
        guard status.kind == .regular || status.kind == .symbolicLink else {
            return GuestError(.unsupported, "it is neither a file nor a symbolic link")
        }
        let before =
            try status.kind == .regular
            ? location.filesystem.readAll(location.file, limit: Self.maximumLength)
            : location.filesystem.readLink(location.file)
        let name = location.path.split(separator: "/").last.map(String.init) ?? ""
        do throws(GuestError) {
            try directory.filesystem.remove(Array(name.utf8), in: directory.file)
        } catch  where error.code == .unsupported {
            return error
        }
        changes.append(FileChange(.removed, location.path, reason: reason, before: before, after: nil))
        return nil
    }

    /// Makes a file as ``create(_:_:permissions:reason:)`` does; where the filesystem lets no file be made, that is left to the
    /// guest.
    /// - Parameter otherwise: what is told if neither can.
    func make(
        _ path: String, _ bytes: [UInt8], permissions: UInt16 = 0o644, reason: String,
        otherwise: (GuestError) -> FixupNote
    ) throws(GuestError) {
        guard let refusal = try create(path, bytes, permissions: permissions, reason: reason) else {
            postponed.removeAll { $0.path == path }
            return
        }
        guard refusal.code == .unsupported, try tree.find(path, followsLast: false) == nil else {
            // What is there is needed, for it does not change.
            postponed.removeAll { $0.path == path }
            return note(otherwise(refusal))
        }
        postpone(.create(bytes, permissions: permissions), path, otherwise(refusal))
    }

    /// Removes a file as ``remove(_:reason:)`` does; where the filesystem lets none be removed, that is left to the guest.
    /// - Parameter otherwise: what is told if neither can.
    /// - Returns: whether it is gone, or will be.
    @discardableResult
    func discard(_ path: String, reason: String, otherwise: (GuestError) -> FixupNote) throws(GuestError) -> Bool {
        guard let refusal = try remove(path, reason: reason) else { return true }
        guard let location = try tree.find(path, followsLast: false),
            try location.filesystem.status(of: location.file).kind != .directory
        else {
            note(otherwise(refusal))
            return false
        }
        postpone(.remove, path, otherwise(refusal))
        return true
    }

    private func postpone(_ kind: FirstBootChange.Kind, _ path: String, _ otherwise: FixupNote) {
        postponed.removeAll { $0.path == path }
        postponed.append(FirstBootChange(kind: kind, path: path, otherwise: otherwise))
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
