import GuestDisk

/// Leases that DHCP clients keep. Their client identifier is, unless someone has set another, the interface's address behind the
/// number 1 for Ethernet (RFC 2132, 9.14). They tell addresses of interfaces that the configuration has only names for.
enum DHCPLeases {
    static func read(_ tree: GuestTree, _ names: inout InterfaceNames) throws(GuestError) {
        for directory in ["/var/lib/dhclient", "/var/lib/dhcp", "/var/lib/NetworkManager"] {
            for path in try tree.names(in: directory).map({ "\(directory)/\($0)" }) {
                guard path.contains(".lease"), let text = try tree.text(path) else { continue }
                readDHClient(text, &names)
                readNetworkManager(text, path, &names)
            }
        }
        for path in try tree.files(in: "/var/lib/wicked", suffix: ".xml") {
            guard let text = try tree.text(path) else { continue }
            readWicked(text, path, &names)
        }
    }

    /// dhclient.leases(5): `interface "ens192";` and `option dhcp-client-identifier 1:0:50:56:aa:bb:1;` in each lease.
    private static func readDHClient(_ text: String, _ names: inout InterfaceNames) {
        var interface: String?
        for line in text.split(whereSeparator: \.isNewline) {
            let words = line.split { " \t;\"".contains($0) }.map(String.init)
            if words.first == "interface", words.count == 2 {
                interface = words[1]
            } else if words.prefix(2) == ["option", "dhcp-client-identifier"], words.count == 3, let interface {
                names.addLease(interface, address: address(words[2].split(separator: ":").map(String.init)))
            }
        }
    }

    /// NetworkManager's own client: `internal-UUID-NAME.lease`, with `CLIENTID=` in hexadecimal digits.
    private static func readNetworkManager(_ text: String, _ path: String, _ names: inout InterfaceNames) {
        let name = path.split(separator: "/").last.map(String.init) ?? ""
        // A UUID has five parts.
        let parts = name.split(separator: "-", maxSplits: 6).map(String.init)
        guard parts.count == 7, parts[0] == "internal", parts[6].hasSuffix(".lease"),
            let digits = ShellAssignments(text).values["CLIENTID"].map(Array.init)
        else { return }
        let pairs = stride(from: 0, to: digits.count - 1, by: 2).map { String(digits[$0...$0 + 1]) }
        names.addLease(String(parts[6].dropLast(".lease".count)), address: address(pairs))
    }

    /// wicked: `lease-NAME-dhcp-ipv4.xml`, with `<client-id>01:00:50:…</client-id>`.
    private static func readWicked(_ text: String, _ path: String, _ names: inout InterfaceNames) {
        let name = path.split(separator: "/").last.map(String.init) ?? ""
        guard name.hasPrefix("lease-"), name.hasSuffix("-dhcp-ipv4.xml"),
            let start = text.split(separator: "<client-id>", maxSplits: 1).dropFirst().first,
            let identifier = start.split(separator: "<").first
        else { return }
        let interface = String(name.dropFirst("lease-".count).dropLast("-dhcp-ipv4.xml".count))
        names.addLease(interface, address: address(identifier.split(separator: ":").map(String.init)))
    }

    /// The address in an identifier's bytes, which may lack a leading zero; nil if it is of another kind.
    private static func address(_ bytes: [String]) -> String? {
        guard bytes.count == 7, Int(bytes[0], radix: 16) == 1 else { return nil }
        return bytes.dropFirst().map { $0.count == 1 ? "0" + $0 : $0 }.joined(separator: ":")
    }
}
