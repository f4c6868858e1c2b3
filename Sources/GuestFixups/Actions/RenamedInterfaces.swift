import GuestDisk

/// Gives interfaces other names wherever the guest's configuration has the old ones.
struct RenamedInterfaces {
    let renaming: InterfaceRenaming
    let editor: GuestEditor

    private static let reason = "the interface gets another name"
    private static let files = ["/etc/network/interfaces", "/etc/sysctl.conf", "/etc/sysconfig/network/routes"]
    private static let directories = [
        "/etc/sysconfig/network-scripts", "/etc/sysconfig/network", "/etc/NetworkManager/system-connections",
        "/etc/network/interfaces.d", "/etc/systemd/network", "/etc/netplan", "/etc/udev/rules.d", "/etc/sysctl.d",
        "/etc/firewalld/zones",
    ]

    func run() throws(GuestError) {
        guard !renaming.names.isEmpty else { return }
        var paths = Self.files
        for directory in Self.directories { paths += try editor.tree.names(in: directory).map { "\(directory)/\($0)" } }
        var moved: [(path: String, content: [UInt8], permissions: UInt16)] = []
        for path in paths where !NameBinding.isOwn(path) {
            guard try editor.tree.isFile(path), let bytes = try editor.tree.configuration(path) else { continue }
            let edited = renaming.rewrite(bytes)
            let name = path.split(separator: "/").last.map(String.init) ?? ""
            guard let new = renaming.renamedFile(name), let status = try editor.tree.status(path) else {
                try editor.replace(path, with: edited, reason: Self.reason)
                continue
            }
            moved.append(("\(GuestEditor.parent(of: path))/\(new)", edited, status.permissions))
            try editor.discard(path, reason: Self.reason) { notMoved(path, $0) }
        }
        // All old ones are gone: interfaces may change names with each other.
        for file in moved {
            try editor.make(file.path, file.content, permissions: file.permissions, reason: Self.reason) {
                notMoved(file.path, $0)
            }
        }
    }

    private func notMoved(_ path: String, _ refusal: GuestError) -> FixupNote {
        FixupNote(.fileNotChanged, "\(path) can't be changed: \(refusal)", isProblem: true)
    }
}
