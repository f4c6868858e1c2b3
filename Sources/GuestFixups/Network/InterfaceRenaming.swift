/// Which interfaces get other names.
struct InterfaceRenaming {
    /// New names by old ones.
    private(set) var names: [String: String] = [:]

    /// - Parameters:
    ///   - wanted: new names by addresses.
    ///   - kept: the bindings that would keep all names.
    ///   - interfaces: what the guest's configuration says.
    /// - Returns: also how interfaces must be bound then, and what can't be done.
    static func plan(
        wanted: [NameBinding], kept: [NameBinding], interfaces: [NetworkInterface]
    ) -> (renaming: InterfaceRenaming, bindings: [NameBinding], notes: [FixupNote]) {
        var renaming = InterfaceRenaming()
        var bindings = kept
        var notes: [FixupNote] = []
        for new in wanted {
            guard case .address(let address) = new.match else { continue }
            let old =
                kept.first { $0.match == new.match }?.name
                ?? interfaces.first { [$0.address, $0.leasedAddress].contains(address) }?.name
                ?? kept.first { $0.match == .onlyInterface }?.name
            guard let old else {
                notes.append(
                    FixupNote(
                        .interfaceNotPinned,
                        "nothing tells which interface has the address \(address), so none gets the name \(new.name)",
                        isProblem: true))
                continue
            }
            bindings.removeAll { $0.match == new.match || $0.name == old }
            bindings.append(new)
            if old != new.name { renaming.names[old] = new.name }
        }
        renaming.dropCollisions(interfaces, &bindings, &notes)
        return (renaming, bindings, notes)
    }

    /// A name that another interface has, which keeps it, can't be given.
    private mutating func dropCollisions(
        _ interfaces: [NetworkInterface], _ bindings: inout [NameBinding], _ notes: inout [FixupNote]
    ) {
        for (old, new) in names.sorted(by: { $0.key < $1.key })
        where interfaces.contains(where: { $0.name == new }) && names[new] == nil {
            names[old] = nil
            if let index = bindings.firstIndex(where: { $0.name == new && $0.match != .onlyInterface }) {
                bindings[index].name = old
            }
            notes.append(
                FixupNote(.interfaceNotPinned, "\(old) can't be called \(new): another interface is", isProblem: true))
        }
    }

    /// `bytes` with every name that stands alone replaced; what is behind a dot or colon, as in `ens192.20`, stays.
    func rewrite(_ bytes: [UInt8]) -> [UInt8] {
        func isOfName(_ byte: UInt8) -> Bool {
            byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-") || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
                || UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte | 0x20
        }
        var result: [UInt8] = []
        var rest = bytes[...]
        while let byte = rest.first {
            guard isOfName(byte) else {
                result.append(byte)
                rest = rest.dropFirst()
                continue
            }
            let word = rest.prefix(while: isOfName)
            result += names[String(decoding: word, as: UTF8.self)].map { Array($0.utf8) } ?? Array(word)
            rest = rest[word.endIndex...]
        }
        return result
    }

    /// A file's name with the interface's in it replaced: `ifcfg-ens192`, `route-ens192`, `ifcfg-ens192.20`; nil if there is none.
    func renamedFile(_ name: String) -> String? {
        guard let dash = name.firstIndex(of: "-"), Self.prefixes.contains(String(name[..<dash])) else { return nil }
        let rest = name[name.index(after: dash)...]
        let interface = rest.prefix { $0 != "." && $0 != ":" }
        return names[String(interface)].map { "\(name[...dash])\($0)\(rest[interface.endIndex...])" }
    }

    private static let prefixes: Set<String> = [
        "ifcfg", "route", "route6", "rule", "rule6", "ifroute", "ifrule", "ifsysctl",
    ]
}
