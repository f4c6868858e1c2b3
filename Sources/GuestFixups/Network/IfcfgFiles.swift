import GuestDisk

/// `ifcfg-NAME` files: of initscripts and old NetworkManagers (RHEL), and of wicked (SUSE).
enum IfcfgFiles {
    private static let suse = "/etc/sysconfig/network"
    private static let directories = ["/etc/sysconfig/network-scripts", suse]
    /// What `TYPE` may say of something that has no hardware of its own.
    private static let virtual: Set<String> = [
        "bond", "bridge", "vlan", "team", "ovsbridge", "ovsport", "tun", "tap", "gre", "ipip", "sit", "infiniband",
        "wireless",
    ]

    static func read(_ tree: GuestTree, _ names: inout InterfaceNames) throws(GuestError) {
        for directory in directories {
            for file in try tree.names(in: directory) where file.hasPrefix("ifcfg-") && !isBackup(file) {
                let path = "\(directory)/\(file)"
                guard let text = try tree.text(path) else { continue }
                let values = ShellAssignments(text).values
                // Where NetworkManager writes the files, their names are those of its profiles.
                let ownName = directory == suse ? String(file.dropFirst("ifcfg-".count)) : nil
                guard let name = values["DEVICE"] ?? values["INTERFACE"] ?? ownName else { continue }
                if isVirtual(values) {
                    names.exclude(name)
                } else {
                    names.add(name, address: values["HWADDR"], in: path)
                }
            }
        }
    }

    private static func isVirtual(_ values: [String: String]) -> Bool {
        if let type = values["TYPE"] ?? values["DEVICETYPE"], virtual.contains(type.lowercased()) { return true }
        return values["VLAN"] == "yes" || values["BONDING_MASTER"] == "yes" || values["BONDING_OPTS"] != nil
            || values["ETHERDEVICE"] != nil || values["TUNNEL"] != nil
    }

    private static func isBackup(_ file: String) -> Bool {
        [".bak", ".orig", ".rpmsave", ".rpmnew", ".old", "~"].contains { file.hasSuffix($0) }
    }
}
