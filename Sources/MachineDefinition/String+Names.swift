/// What may come from the description of a virtual machine, as a name that is good for something.
extension String {
    /// For libvirt, which takes no slashes: one line of at most 128 characters, and not empty.
    var plainName: String {
        let characters = unicodeScalars.lazy.filter { $0.isXMLCharacter && !$0.properties.isWhitespace || $0 == " " }
        var name = String.UnicodeScalarView(characters.map { $0 == "/" ? "-" : $0 }.prefix(128))
        while name.first == " " { name.removeFirst() }
        while name.last == " " { name.removeLast() }
        return name.isEmpty ? Self.unnamed : String(name)
    }

    /// A label as DNS has them (RFC 1123), which Kubernetes and Proxmox demand: at most 63 small letters and digits of ASCII,
    /// and hyphens in between.
    var dnsLabel: String {
        let words = lowercased().split { !($0.isASCII && ($0.isLetter || $0.isNumber)) }
        let label = words.joined(separator: "-").prefix(Self.longestLabel)
        let end = label.lastIndex { $0 != "-" }.map { label.index(after: $0) } ?? label.startIndex
        return end == label.startIndex ? Self.unnamed : String(label[..<end])
    }

    /// Fewer than the 63 of RFC 1123, for the numbers of disks that follow.
    private static let longestLabel = 60
    private static let unnamed = "vm"

    /// Without the extension of a disk that is written.
    package var withoutImageExtension: String {
        for suffix in [".qcow2", ".raw", ".img"] where lowercased().hasSuffix(suffix) && count > suffix.count {
            return String(dropLast(suffix.count))
        }
        return self
    }
}
