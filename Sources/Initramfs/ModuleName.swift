/// What a kernel module is called: the name of its file without what is behind `.ko`, with `_` for `-`, which mean the
/// same.
package struct ModuleName: Hashable, Sendable {
    package let text: String

    /// What the names of modules' files end in, by how they are compressed.
    private static let suffixes = [".ko", ".ko.gz", ".ko.xz", ".ko.zst"]

    /// - Parameter path: a name, or a path that ends in one, with or without the suffix of a file.
    package init(_ path: some StringProtocol) {
        var name = Array(path.utf8)
        if let slash = name.lastIndex(of: UInt8(ascii: "/")) { name.removeFirst(slash + 1) }
        for suffix in Self.suffixes where name.count > suffix.utf8.count && name.ends(with: suffix) {
            name.removeLast(suffix.utf8.count)
            break
        }
        for index in name.indices where name[index] == UInt8(ascii: "-") { name[index] = UInt8(ascii: "_") }
        text = String(decoding: name, as: UTF8.self)
    }

    /// Whether a path is one of a module's file.
    package static func isFile(_ path: some StringProtocol) -> Bool {
        let path = Array(path.utf8)
        return suffixes.contains { path.ends(with: $0) }
    }
}

extension [UInt8] {
    fileprivate func ends(with text: String) -> Bool {
        suffix(text.utf8.count).elementsEqual(text.utf8)
    }
}
