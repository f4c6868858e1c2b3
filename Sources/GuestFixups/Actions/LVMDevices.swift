import GuestDisk

/// `/etc/lvm/devices/system.devices`: since version 2.03.12 LVM takes only the devices listed there, and knows them by what the
/// hypervisor calls the disk. An entry by name instead (`IDTYPE=devname`) makes LVM look for the physical volume's own
/// identifier on other disks when the name has another (lvmdevices(8), `search_for_devnames`).
struct LVMDevices {
    let editor: GuestEditor

    /// Identifiers that the disk has from the hypervisor; those of md, LUKS and the like stay as they are.
    private static let ofHypervisor: Set<String> = [
        "IDTYPE=sys_wwid", "IDTYPE=sys_serial", "IDTYPE=wwid_naa", "IDTYPE=wwid_eui", "IDTYPE=wwid_t10",
    ]
    private static let path = "/etc/lvm/devices/system.devices"

    /// The copy that an initramfs has.
    static var initramfsEdit: InitramfsEdit {
        InitramfsEdit(isFor: { "/\($0)" == path }, edit: { _, bytes in edited(bytes) })
    }

    func run() throws(GuestError) {
        guard let bytes = try editor.tree.configuration(Self.path) else { return }
        try editor.replace(
            Self.path, with: Self.edited(bytes), reason: "LVM knows its disks by what VMware calls them")
    }

    private static func edited(_ bytes: [UInt8]) -> [UInt8] {
        TextEdit.mapLines(bytes) { line in
            let words = String(decoding: line, as: UTF8.self).split(separator: " ").map(String.init)
            guard let type = words.firstIndex(where: { ofHypervisor.contains($0) }),
                let id = words.firstIndex(where: { $0.hasPrefix("IDNAME=") }),
                let device = words.first(where: { $0.hasPrefix("DEVNAME=") })?.dropFirst("DEVNAME=".count),
                words.contains(where: { $0.hasPrefix("PVID=") && $0 != "PVID=." })
            else { return line }
            var changed = words
            changed[type] = "IDTYPE=devname"
            changed[id] = "IDNAME=\(device)"
            return Array(changed.joined(separator: " ").utf8)
        }
    }
}
