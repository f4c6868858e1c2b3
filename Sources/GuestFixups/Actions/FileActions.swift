import GuestDisk

/// The actions of manifests that edit the guest's files.
struct FileActions {
    let manifest: Manifest
    let editor: GuestEditor

    func write(_ path: String, _ content: String, permissions: UInt16) throws(GuestError) {
        guard try editor.create(path, Array(content.utf8), permissions: permissions, reason: manifest.summary) else {
            // A file that is there and can't be changed has a note already.
            if try editor.tree.find(path) == nil { noteReadOnly("\(path) can't be made") }
            return
        }
    }

    func append(_ lines: [String], to path: String) throws(GuestError) {
        guard let bytes = try editor.tree.bytes(path) else { return }
        let present = Set(
            String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline).map { String($0).trimmed })
        let missing = lines.filter { !present.contains($0) }
        guard !missing.isEmpty else { return }
        var edited = bytes
        if let last = edited.last, last != UInt8(ascii: "\n") { edited.append(UInt8(ascii: "\n")) }
        for line in missing { edited += Array(line.utf8) + [UInt8(ascii: "\n")] }
        try editor.replace(path, with: edited, reason: manifest.summary)
    }

    func replace(_ find: String, with text: String, in path: String) throws(GuestError) {
        guard let bytes = try editor.tree.bytes(path) else { return }
        try editor.replace(
            path, with: TextEdit.replacing(bytes, Array(find.utf8), with: Array(text.utf8)), reason: manifest.summary)
    }

    func addWords(_ words: [String], to variable: String, in path: String) throws(GuestError) {
        guard let bytes = try editor.tree.bytes(path) else { return }
        let edited = TextEdit.mapLines(bytes) { line in
            let text = String(decoding: line, as: UTF8.self)
            guard text.trimmed.hasPrefix("\(variable)="), let equals = text.firstIndex(of: "=") else { return line }
            let value = ShellAssignments.unquoted(String(text[text.index(after: equals)...]).trimmed)
            let present = value.split(separator: " ").map(String.init)
            let missing = words.filter { !present.contains($0) }
            return missing.isEmpty ? line : Array("\(variable)=\"\((present + missing).joined(separator: " "))\"".utf8)
        }
        try editor.replace(path, with: edited, reason: manifest.summary)
    }

    func remove(_ path: String) throws(GuestError) {
        guard try !editor.remove(path, reason: manifest.summary) else { return }
        noteReadOnly("\(path) can't be removed")
    }

    /// Removes the links by which targets want the unit, as `systemctl disable` does.
    func disable(_ unit: String) throws(GuestError) {
        let directory = "/etc/systemd/system"
        for name in try editor.tree.names(in: directory)
        where name.hasSuffix(".wants") || name.hasSuffix(".requires") {
            let path = "\(directory)/\(name)/\(unit)"
            if try editor.tree.find(path, followsLast: false) != nil { try remove(path) }
        }
    }

    private func noteReadOnly(_ what: String) {
        editor.note(
            FixupNote(.rebuildNotConfigured, "\(what): files can only be changed in place on its filesystem"))
    }
}
