import GuestDisk

/// Writes the files that bind interfaces to their names into the guest's root, so that they are there when its own tools build
/// an initramfs. (In the initramfs that boots first they are too: see `Virtio`.)
struct PinnedNames {
    let bindings: [NameBinding]
    let editor: GuestEditor

    private static let reason = "the interface keeps the name that the guest's configuration knows"
    static let linkDirectory = "/etc/systemd/network"
    static let rulesFile = "/etc/udev/rules.d/70-v2v-convert-net.rules"

    func run() throws(GuestError) {
        guard !bindings.isEmpty else { return }
        var isWritten = true
        if try Self.knowsLinkFiles(editor.tree) {
            for binding in bindings {
                isWritten =
                    try editor.create(
                        "\(Self.linkDirectory)/\(binding.linkFileName)", Array(binding.linkFile.utf8),
                        reason: Self.reason) && isWritten
            }
        } else {
            let rules = bindings.map(\.rule).joined()
            isWritten = try editor.create(Self.rulesFile, Array(rules.utf8), reason: Self.reason)
        }
        if !isWritten {
            editor.note(
                FixupNote(
                    .rebuildNotConfigured,
                    "the names of interfaces are bound in the initramfs only; when the guest builds a new one, "
                        + "put the files into \(Self.linkDirectory) before"))
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
