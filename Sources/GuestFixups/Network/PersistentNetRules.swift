import GuestDisk

/// udev rules that give interfaces their names by their addresses, as udev itself wrote them until version 183.
enum PersistentNetRules {
    static func read(_ tree: GuestTree, _ names: inout InterfaceNames) throws(GuestError) {
        for path in try tree.files(in: "/etc/udev/rules.d", suffix: ".rules") {
            guard let text = try tree.text(path), text.contains("NAME") else { continue }
            for line in text.split(whereSeparator: \.isNewline) where !String(line).trimmed.hasPrefix("#") {
                let keys = pairs(String(line))
                guard let name = keys["NAME"], let address = keys["ATTR{address}"] ?? keys["SYSFS{address}"] else {
                    continue
                }
                let isPinned = !NameBinding.isOwn(path) && Self.holdsAnywhere(keys)
                names.add(name, address: address, in: path, isPinned: isPinned)
            }
        }
    }

    /// Whether the conditions hold on any hardware.
    private static func holdsAnywhere(_ keys: [String: String]) -> Bool {
        keys.allSatisfy { key, value in
            ["NAME", "SUBSYSTEM", "ACTION", "ATTR{address}", "SYSFS{address}", "ATTR{type}", "ATTR{dev_id}"].contains(
                key)
                || key == "DRIVERS" && value == "?*" || key == "KERNEL" && value == "eth*"
        }
    }

    /// The `KEY=="value"` and `KEY="value"` of a rule.
    private static func pairs(_ rule: String) -> [String: String] {
        var pairs: [String: String] = [:]
        for part in rule.split(separator: ",") {
            guard let equals = part.firstIndex(where: { $0 == "=" }) else { continue }
            let key = String(part[..<equals]).trimmed
            // A name that is a condition is none that is given.
            guard key != "NAME" || !part[equals...].hasPrefix("==") else { continue }
            let value = part[equals...].drop { $0 == "=" }
            pairs[key] = String(value).trimmed.filter { $0 != "\"" }
        }
        return pairs
    }
}
