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

    /// `file` tells the address of the interface `name`, if another file speaks of it and none tells.
    mutating func complete(_ name: String, address: String?, in file: String) {
        guard let interface = found[name], interface.address == nil, let address else { return }
        add(name, address: address, in: file)
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
