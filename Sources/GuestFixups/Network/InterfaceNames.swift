/// Collects what several files say about the same interfaces.
struct InterfaceNames {
    private var found: [String: NetworkInterface] = [:]
    private var notEthernet: Set<String> = []

    /// By name.
    var interfaces: [NetworkInterface] {
        found.values.filter { !notEthernet.contains($0.name) }.sorted { $0.name < $1.name }
    }

    /// `file` speaks of the Ethernet interface `name`, and perhaps tells its address.
    mutating func add(_ name: String, address: String? = nil, in file: String, isPinned: Bool = false) {
        guard Self.isPlain(name) else { return }
        var interface = found[name] ?? NetworkInterface(name: name, address: nil, sources: [])
        if !interface.sources.contains(file) { interface.sources.append(file) }
        interface.address = interface.address ?? address.flatMap(HardwareAddress.normalised)
        interface.isPinned = interface.isPinned || isPinned
        found[name] = interface
    }

    /// The interface `name`, if a file of the configuration speaks of it, had a lease for `address`. The last one counts.
    mutating func addLease(_ name: String, address: String?) {
        guard let address = address.flatMap(HardwareAddress.normalised) else { return }
        found[name]?.leasedAddress = address
    }

    /// `name` is a bond, a bridge, or the like.
    mutating func exclude(_ name: String) {
        notEthernet.insert(name)
    }

    /// Names with at most 15 bytes; no patterns, VLANs (`eth0.5`) or aliases (`eth0:1`).
    static func isPlain(_ name: String) -> Bool {
        name != "lo" && (1...15).contains(name.utf8.count)
            && name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == "-") }
    }
}
