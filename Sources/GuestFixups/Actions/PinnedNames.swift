import GuestDisk

/// Writes the files that bind interfaces to their names into the guest's root, so that they are there when its own tools build
/// an initramfs. (In the one that boots first they are too: see ``InitramfsModules``.)
struct PinnedNames {
    let bindings: [NameBinding]
    let editor: GuestEditor

    private static let reason = "the interface keeps the name that the guest's configuration knows"
    static let linkDirectory = "/etc/systemd/network"
    static let rulesFile = "/etc/udev/rules.d/70-v2v-convert-net.rules"

    func run() throws(GuestError) {
        guard !bindings.isEmpty else { return }
        let before = editor.changes.count
        var refusal: GuestError?
        if try Self.knowsLinkFiles(editor.tree) {
            for binding in bindings {
                let path = "\(Self.linkDirectory)/\(binding.linkFileName)"
                refusal = try editor.create(path, Array(binding.linkFile.utf8), reason: Self.reason) ?? refusal
            }
        } else {
            let rules = bindings.map(\.rule).joined()
            refusal = try editor.create(Self.rulesFile, Array(rules.utf8), reason: Self.reason)
        }
        if editor.changes.count > before { for binding in bindings { editor.mend(binding.obstacle) } }
        if let refusal {
            editor.note(
                FixupNote(
                    .rebuildNotConfigured,
                    "the names of interfaces are bound in the initramfs only (\(refusal)); before the guest gets a new "
                        + "kernel, copy the files from there: lsinitrd shows them in \(Self.linkDirectory)"))
        }
    }

    /// Whether the guest's udev reads `.link` files: systemd has had its default one since version 209.
    static func knowsLinkFiles(_ tree: GuestTree) throws(GuestError) -> Bool {
        for directory in ["/usr/lib/systemd/network", "/lib/systemd/network"] {
            if try tree.find("\(directory)/99-default.link") != nil { return true }
        }
        return false
    }
}
