/// A file of `[section]` and `key=value` lines: NetworkManager's, systemd's.
struct KeyFile {
    /// A section may come several times.
    struct Section {
        var name: String
        var values: [(key: String, value: String)] = []

        func value(_ key: String) -> String? { values.last { $0.key == key }?.value }
    }

    private(set) var sections: [Section] = []

    init(_ text: String) {
        for line in text.split(whereSeparator: \.isNewline) {
            let line = String(line).trimmed
            if line.hasPrefix("["), line.hasSuffix("]") {
                sections.append(Section(name: String(line.dropFirst().dropLast())))
            } else if !line.hasPrefix("#"), !line.hasPrefix(";"), let equals = line.firstIndex(of: "="),
                !sections.isEmpty
            {
                let value = String(line[line.index(after: equals)...]).trimmed
                sections[sections.count - 1].values.append((String(line[..<equals]).trimmed, value))
            }
        }
    }

    /// Whether the conditions of a file of systemd are all among `keys`.
    func matchesOnly(_ keys: Set<String>) -> Bool {
        sections.filter { $0.name == "Match" }.allSatisfy { $0.values.allSatisfy { keys.contains($0.key) } }
    }

    func value(_ section: String, _ key: String) -> String? {
        sections.last { $0.name == section && $0.value(key) != nil }?.value(key)
    }
}
