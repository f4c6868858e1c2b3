import DiskImage
import GuestDisk

extension NameBinding {
    /// Which interfaces must be bound to their names so that the guest keeps its addresses on other hardware.
    /// - Parameters:
    ///   - wanted: what the user says; it comes first.
    ///   - adapters: what the machine's description says.
    ///   - interfaces: what the guest's configuration says.
    static func decide(
        wanted: [NameBinding], adapters: [NetworkAdapter], interfaces: [NetworkInterface]
    ) -> (bindings: [NameBinding], notes: [FixupNote]) {
        var bindings = wanted
        func isBound(_ interface: NetworkInterface) -> Bool { bindings.contains { $0.name == interface.name } }
        func bind(_ interface: NetworkInterface, _ address: String) {
            guard !bindings.contains(where: { $0.match == .address(address) }) else { return }
            bindings.append(NameBinding(.address(address), name: interface.name))
        }

        for interface in interfaces where !interface.isPinned && !isBound(interface) {
            if let address = interface.address { bind(interface, address) }
        }
        for interface in interfaces where !interface.isPinned && !isBound(interface) {
            if let address = adapters.first(where: { $0.holds(interface.name) })?.normalisedAddress {
                bind(interface, address)
            }
        }
        // The only interface keeps its name whatever its address, so an old address would be worse than none.
        for interface in interfaces where interfaces.count > 1 && !interface.isPinned && !isBound(interface) {
            if let address = interface.leasedAddress { bind(interface, address) }
        }
        let rest = interfaces.filter { !$0.isPinned && !isBound($0) && namesHardware($0.name) }
        guard interfaces.count == 1, let only = rest.first, wanted.isEmpty, adapters.count <= 1 else {
            return (bindings, rest.map(note))
        }
        if let address = adapters.first?.normalisedAddress {
            bind(only, address)
        } else {
            bindings.append(NameBinding(.onlyInterface, name: only.name))
            let advice = FixupNote(
                .advice,
                "\(only.name) becomes the name of the virtio interface; if the machine gets several, give the address: "
                    + "--nic ADDRESS=\(only.name)")
            return (bindings, adapters.isEmpty ? [advice] : [])
        }
        return (bindings, [])
    }

    private static func note(_ interface: NetworkInterface) -> FixupNote {
        FixupNote(
            .interfaceNotPinned,
            "\(interface.sources[0]) configures \(interface.name), but nothing tells the address of that interface; "
                + "give it with --nic ADDRESS=\(interface.name)", isProblem: true)
    }

    /// Whether a name tells where the interface is attached (systemd.net-naming-scheme(7)): by slot, path or index of the
    /// firmware. `eth0` doesn't, and `enx…` tells its address.
    private static func namesHardware(_ name: String) -> Bool {
        guard name.hasPrefix("en") || name.hasPrefix("em") || isPositional(name) else { return false }
        return !name.hasPrefix("enx") && name.contains(where: \.isNumber)
    }

    /// `p2p1`: the names of biosdevname.
    private static func isPositional(_ name: String) -> Bool {
        let rest = name.dropFirst().drop(while: \.isNumber)
        return name.hasPrefix("p") && rest.hasPrefix("p") && rest.dropFirst().first?.isNumber == true
    }
}

extension NetworkAdapter {
    fileprivate var normalisedAddress: String? { address.flatMap(HardwareAddress.normalised) }
}
