import GuestDisk

/// NetworkManager's connections (nm-settings-keyfile(5)).
enum NetworkManagerKeyfiles {
    private static let directories = [
        "/etc/NetworkManager/system-connections", "/usr/lib/NetworkManager/system-connections",
    ]

    static func read(_ tree: GuestTree, _ names: inout InterfaceNames) throws(GuestError) {
        for directory in directories {
            for file in try tree.names(in: directory) {
                let path = "\(directory)/\(file)"
                guard let text = try tree.text(path) else { continue }
                let connection = KeyFile(text)
                guard let name = connection.value("connection", "interface-name") else { continue }
                switch connection.value("connection", "type") {
                case "ethernet", "802-3-ethernet":
                    let address =
                        connection.value("ethernet", "mac-address") ?? connection.value("802-3-ethernet", "mac-address")
                    names.add(name, address: address, in: path)
                case .some: names.exclude(name)
                case nil: break
                }
            }
        }
    }
}
