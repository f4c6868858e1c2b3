import GuestDisk

extension NameBinding {
    /// Which interfaces must be bound to their names so that the guest keeps its addresses on other hardware.
    /// - Parameters:
    ///   - wanted: what the user or the machine's description says; it comes first.
    ///   - interfaces: what the guest's configuration says.
    static func decide(
        wanted: [NameBinding], interfaces: [NetworkInterface]
    ) -> (bindings: [NameBinding], notes: [FixupNote]) {
        var bindings = wanted
        var notes: [FixupNote] = []
        func isBound(_ name: String) -> Bool { bindings.contains { $0.name == name } }

        for interface in interfaces where !interface.isPinned && !isBound(interface.name) {
            guard let address = interface.address, !bindings.contains(where: { $0.match == .address(address) }) else {
                continue
            }
            bindings.append(NameBinding(.address(address), name: interface.name))
        }
        let rest = interfaces.filter { !$0.isPinned && !isBound($0.name) && namesHardware($0.name) }
        if interfaces.count == 1, let only = rest.first, wanted.isEmpty {
            bindings.append(NameBinding(.onlyInterface, name: only.name))
        } else {
            notes += rest.map {
                FixupNote(
                    .interfaceNotPinned,
                    "\($0.sources[0]) configures \($0.name), but nothing tells the address of that interface; "
                        + "give it with --nic ADDRESS=\($0.name)", isProblem: true)
            }
        }
        return (bindings, notes)
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
