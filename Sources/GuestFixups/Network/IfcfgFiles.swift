import GuestDisk

/// `ifcfg-NAME` files: of initscripts and old NetworkManagers (RHEL), and of wicked (SUSE).
enum IfcfgFiles {
    private static let directories = ["/etc/sysconfig/network-scripts", "/etc/sysconfig/network"]
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
                let name = values["DEVICE"] ?? values["INTERFACE"] ?? String(file.dropFirst("ifcfg-".count))
                if isVirtual(values) {
                    names.exclude(name)
                } else {
                    names.add(name, address: values["HWADDR"] ?? values["LLADDR"], in: path)
                }
            }
        }
    }

    private static func isVirtual(_ values: [String: String]) -> Bool {
        if let type = values["TYPE"] ?? values["DEVICETYPE"], virtual.contains(type.lowercased()) { return true }
        return values["VLAN"] == "yes" || values["BONDING_MASTER"] == "yes" || values["BRIDGE"] == "yes"
            || values["ETHERDEVICE"] != nil || values["TUNNEL"] != nil
    }

    private static func isBackup(_ file: String) -> Bool {
        [".bak", ".orig", ".rpmsave", ".rpmnew", ".old", "~"].contains { file.hasSuffix($0) }
    }
}
