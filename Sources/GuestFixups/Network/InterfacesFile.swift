import GuestDisk

/// `/etc/network/interfaces` of ifupdown (interfaces(5)).
enum InterfacesFile {
    /// Options that name what a bridge, bond or VLAN is made of.
    private static let members: Set<String> = [
        "bridge_ports", "bridge-ports", "bond-slaves", "slaves", "vlan-raw-device", "vlan_raw_device",
    ]

    static func read(_ tree: GuestTree, _ names: inout InterfaceNames) throws(GuestError) {
        let directory = "/etc/network/interfaces.d"
        let more = try tree.names(in: directory).map { "\(directory)/\($0)" }
        for path in ["/etc/network/interfaces"] + more {
            guard let text = try tree.text(path) else { continue }
            var current: String?
            for line in text.split(whereSeparator: \.isNewline) {
                let words = line.split(whereSeparator: \.isWhitespace).map(String.init)
                guard let first = words.first, !first.hasPrefix("#") else { continue }
                if first == "iface", words.count >= 2 {
                    current = words[1]
                    // A VLAN `eth0.5` is on eth0, an alias `eth0:1` is another address of it.
                    names.add(String(words[1].prefix { $0 != "." && $0 != ":" }), in: path)
                } else if members.contains(first), let current {
                    // What a VLAN is called may be its device's name and a number; everything else with members is virtual.
                    if !current.contains(".") { names.exclude(current) }
                    for member in words.dropFirst() where member != "none" { names.add(member, in: path) }
                }
            }
        }
    }
}
