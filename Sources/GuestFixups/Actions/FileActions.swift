import GuestDisk

/// The actions of manifests that edit the guest's files.
struct FileActions {
    let manifest: Manifest
    let editor: GuestEditor

    func write(_ path: String, _ content: String, permissions: UInt16) throws(GuestError) {
        try editor.make(path, Array(content.utf8), permissions: permissions, reason: manifest.summary) { refusal in
            skipped("\(path) can't be written: \(refusal)")
        }
    }

    func append(_ lines: [String], to path: String) throws(GuestError) {
        guard let bytes = try editor.tree.configuration(path) else { return }
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
        guard let bytes = try editor.tree.configuration(path) else { return }
        try editor.replace(
            path, with: TextEdit.replacing(bytes, Array(find.utf8), with: Array(text.utf8)), reason: manifest.summary)
    }

    func addWords(_ words: [String], to variable: String, in path: String) throws(GuestError) {
        guard let bytes = try editor.tree.configuration(path) else { return }
        let lines = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline)
        guard !lines.contains(where: { $0.hasPrefix("\(variable)=(") && !$0.contains(")") }) else {
            return editor.note(skipped("\(path) has a list of \(variable) over several lines, which stays as it is"))
        }
        var isThere = false
        var edited = TextEdit.mapLines(bytes) { line in
            guard let value = TextEdit.assignedValue(line, variable) else { return line }
            isThere = true
            let present = String(decoding: line[value], as: UTF8.self).split(separator: " ").map(String.init)
            let missing = words.filter { !present.contains($0) }
            let addition = (present.isEmpty ? "" : missing.isEmpty ? "" : " ") + missing.joined(separator: " ")
            return Array(line[..<value.upperBound]) + Array(addition.utf8) + Array(line[value.upperBound...])
        }
        if !isThere {
            if let last = edited.last, last != UInt8(ascii: "\n") { edited.append(UInt8(ascii: "\n")) }
            edited += Array("\(variable)=\"\(words.joined(separator: " "))\"\n".utf8)
        }
        try editor.replace(path, with: edited, reason: manifest.summary)
    }

    /// - Returns: whether it is gone, or will be.
    @discardableResult
    func remove(_ path: String) throws(GuestError) -> Bool {
        try editor.discard(path, reason: manifest.summary) { skipped("\(path) can't be removed: \($0)") }
    }

    /// Removes the links by which targets want the unit, as `systemctl disable` does, and those by which runlevels start the script
    /// of the same name.
    func disable(_ unit: String) throws(GuestError) {
        let directory = "/etc/systemd/system"
        for name in try editor.tree.names(in: directory)
        where name.hasSuffix(".wants") || name.hasSuffix(".requires") {
            let path = "\(directory)/\(name)/\(unit)"
            guard try editor.tree.find(path, followsLast: false) != nil, try remove(path) else { continue }
            editor.mend(Obstacle(.unwantedUnit, "\(unit) is started at every boot"))
        }
        guard unit.hasSuffix(".service") else { return }
        let script = unit.dropLast(".service".count)
        for level in ["2", "3", "4", "5", "S"] {
            // Where RHEL has /etc/rc.d, /etc/rcN.d leads there.
            let directory = "/etc/rc\(level).d"
            for name in try editor.tree.names(in: directory)
            where name.hasPrefix("S") && name.dropFirst().drop(while: \.isNumber) == script {
                guard try remove("\(directory)/\(name)") else { continue }
                editor.mend(Obstacle(.unwantedUnit, "\(script) is started at every boot"))
            }
        }
    }

    /// What an optional rule can't do is no problem.
    private func skipped(_ what: String) -> FixupNote {
        FixupNote(.fileNotChanged, what, isProblem: !manifest.isOptional)
    }
}
