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
                names.add(name, address: address, in: path, isPinned: !NameBinding.isOwn(path))
            }
        }
    }

    /// The `KEY=="value"` and `KEY="value"` of a rule.
    private static func pairs(_ rule: String) -> [String: String] {
        var pairs: [String: String] = [:]
        for part in rule.split(separator: ",") {
            guard let equals = part.firstIndex(where: { $0 == "=" }) else { continue }
            let key = String(part[..<equals]).trimmed
            let value = part[equals...].drop { $0 == "=" }
            pairs[key] = String(value).trimmed.filter { $0 != "\"" }
        }
        return pairs
    }
}
