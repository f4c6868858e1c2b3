import GuestDisk

/// systemd-networkd's `.network` files, and the `.link` files by which udev names interfaces.
enum NetworkdFiles {
    /// Conditions of a `.link` file that hold on any hardware.
    private static let harmless: Set<String> = ["MACAddress", "PermanentMACAddress", "Type"]
    private static let directory = "/etc/systemd/network"

    static func read(_ tree: GuestTree, _ names: inout InterfaceNames) throws(GuestError) {
        for path in try tree.files(in: directory, suffix: ".netdev") {
            if let name = try tree.text(path).flatMap({ KeyFile($0).value("NetDev", "Name") }) { names.exclude(name) }
        }
        for path in try tree.files(in: directory, suffix: ".network") {
            guard let text = try tree.text(path) else { continue }
            let file = KeyFile(text)
            let address = file.value("Match", "MACAddress") ?? file.value("Match", "PermanentMACAddress")
            // Several names, and patterns, are for several interfaces.
            for name in (file.value("Match", "Name") ?? "").split(separator: " ") {
                names.add(String(name), address: address, in: path)
            }
        }
        for path in try tree.files(in: directory, suffix: ".link") {
            guard let text = try tree.text(path) else { continue }
            let file = KeyFile(text)
            let address = file.value("Match", "MACAddress") ?? file.value("Match", "PermanentMACAddress")
            guard let name = file.value("Link", "Name"), let address else { continue }
            names.add(
                name, address: address, in: path, isPinned: !NameBinding.isOwn(path) && file.matchesOnly(Self.harmless))
        }
    }
}
