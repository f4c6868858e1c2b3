import GuestDisk

/// The name of an attribute, with what is around it: where its value is, and whom it concerns.
struct AttributeName {
    var name: ArraySlice<UInt8>
    var flags: Flags

    struct Flags: OptionSet {
        let rawValue: UInt8
        /// The value is beside the name.
        static let local = Flags(rawValue: 1 << 0)
        static let root = Flags(rawValue: 1 << 1)
        static let secure = Flags(rawValue: 1 << 2)
        /// Tells the directory that an inode is in; is no extended attribute.
        static let parent = Flags(rawValue: 1 << 3)
        /// Was being written when the machine stopped; the kernel doesn't show it.
        static let incomplete = Flags(rawValue: 1 << 7)
    }

    /// Whether the kernel shows it.
    var isShown: Bool { flags.isDisjoint(with: [.parent, .incomplete]) }

    /// What the kernel shows, by its names for namespaces.
    func attribute(value: [UInt8]) -> ExtendedAttribute {
        if flags.contains(.secure) { return attribute("security.", value) }
        guard flags.contains(.root) else { return attribute("user.", value) }
        if let list = AccessControlList(xfsName: name, value) {
            return ExtendedAttribute(name: list.name, value: list.value)
        }
        return attribute("trusted.", value)
    }

    private func attribute(_ namespace: String, _ value: [UInt8]) -> ExtendedAttribute {
        ExtendedAttribute(name: Array(namespace.utf8) + name, value: value)
    }
}
