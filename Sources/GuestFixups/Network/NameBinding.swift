/// That an interface gets a name.
package struct NameBinding: Equatable, Sendable {
    package enum Match: Equatable, Sendable {
        /// By its address.
        case address(String)
        /// The machine's only one.
        case onlyInterface
    }

    package var match: Match
    package var name: String

    package init(_ match: Match, name: String) {
        self.match = match
        self.name = name
    }

    /// What the file is called that binds it, without directory: udev reads them in this order, and 99-default is the system's.
    package var linkFileName: String { "10-\(Self.mark)-\(name).link" }

    /// Whether an earlier run has made the file: what it binds is to be bound again, in the initramfs too.
    static func isOwn(_ path: String) -> Bool { path.split(separator: "/").last?.contains(mark) ?? false }

    /// In the names of all files that bind names.
    private static let mark = "v2v-convert"

    /// For udev since systemd 209 (systemd.link(5)).
    package var linkFile: String {
        let match =
            switch self.match {
            case .address(let address): "MACAddress=\(address)"
            case .onlyInterface: "Driver=virtio_net"
            }
        return """
            # Made by v2v-convert: the guest knows the interface by this name.
            [Match]
            \(match)

            [Link]
            Name=\(name)

            """
    }

    /// For udev of any age: a line of a rules file.
    package var rule: String {
        let match =
            switch self.match {
            case .address(let address): "ATTR{address}==\"\(address)\", "
            case .onlyInterface: "DRIVERS==\"virtio_net\", "
            }
        return "SUBSYSTEM==\"net\", ACTION==\"add\", \(match)ATTR{type}==\"1\", NAME=\"\(name)\"\n"
    }
}

extension NameBinding {
    /// What the binding mends.
    var obstacle: Obstacle {
        Obstacle(.interfaceName, "the interface \(name) would get another name from the new hardware")
    }

    /// Nil if `address` is none of an interface, or `name` none that Linux takes.
    package init?(address: String, name: String) {
        guard let address = HardwareAddress.normalised(address), InterfaceNames.isPlain(name) else { return nil }
        self.init(.address(address), name: name)
    }
}
