import GuestDisk

/// Writes the files that bind interfaces to their names into the guest's root, so that they are there when its own tools build
/// an initramfs. (In the one that boots first they are too: see ``InitramfsModules``.)
struct PinnedNames {
    let bindings: [NameBinding]
    let editor: GuestEditor

    private static let reason = "the interface keeps the name that the guest's configuration knows"
    private static let linkDirectory = "/etc/systemd/network"
    private static let rulesFile = "/etc/udev/rules.d/70-v2v-convert-net.rules"

    func run() throws(GuestError) {
        let before = editor.changes.count
        for (path, content) in try Self.files(bindings, editor.tree) {
            try editor.make(path, content, reason: Self.reason) { refusal in
                FixupNote(
                    .rebuildNotConfigured,
                    "the names of interfaces are bound in the initramfs only (\(refusal)); before the guest gets a new "
                        + "kernel, copy the files from there: lsinitrd shows them in \(Self.linkDirectory)")
            }
        }
        if editor.changes.count > before { for binding in bindings { editor.mend(binding.obstacle) } }
    }

    /// The files that bind the names, as the guest's udev wants them.
    static func files(
        _ bindings: [NameBinding], _ tree: GuestTree
    ) throws(GuestError) -> [(path: String, content: [UInt8])] {
        guard !bindings.isEmpty else { return [] }
        guard try knowsLinkFiles(tree) else {
            return [(rulesFile, Array(bindings.map(\.rule).joined().utf8))]
        }
        return bindings.map { ("\(linkDirectory)/\($0.linkFileName)", Array($0.linkFile.utf8)) }
    }

    /// Whether the guest's udev reads `.link` files: systemd has had its default one since version 209.
    private static func knowsLinkFiles(_ tree: GuestTree) throws(GuestError) -> Bool {
        for directory in ["/usr/lib/systemd/network", "/lib/systemd/network"] {
            if try tree.find("\(directory)/99-default.link") != nil { return true }
        }
        return false
    }
}
