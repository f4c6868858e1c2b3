import GuestDisk
import Yams

/// Ubuntu's netplan: YAML from which networkd's or NetworkManager's configuration is made at every boot.
enum NetplanFiles {
    /// Bytes of a file that a person wrote. With anchors (`&`) a short file can stand for a huge one, so those are passed over.
    private static let maximumLength = 64 << 10

    static func read(_ tree: GuestTree, _ names: inout InterfaceNames) throws(GuestError) {
        for path in try tree.files(in: "/etc/netplan", suffix: ".yaml") {
            // What netplan itself could not read says nothing.
            guard let text = try tree.text(path), text.utf8.count <= maximumLength, !text.contains("&"),
                let file = try? Yams.compose(yaml: text),
                let ethernets = file["network"]?["ethernets"]?.mapping
            else { continue }
            for (key, settings) in ethernets {
                guard let id = key.string else { continue }
                let match = settings["match"]
                let address = match?["macaddress"]?.string
                if let name = settings["set-name"]?.string {
                    names.add(name, address: address, in: path, isPinned: address != nil && match?.mapping?.count == 1)
                } else {
                    // Without `match` the key is the name.
                    names.add(match == nil ? id : match?["name"]?.string ?? "", address: address, in: path)
                }
            }
        }
    }
}
