import GuestDisk

/// Rewrites names of devices that depend on the hardware, `/dev/sda1` or `/dev/disk/by-path/…`, into names that don't.
/// Everything else in the files stays as it is, to the byte.
struct DeviceNames {
    let machine: Machine
    let editor: GuestEditor

    private static let reason = "a device's name would be another on virtio"

    /// Where in files the kernel's command line is: the loader's own configuration, and what it is made from.
    private static let commandLineFiles = [
        "/boot/grub/grub.cfg", "/boot/grub2/grub.cfg", "/boot/grub/custom.cfg", "/boot/grub/grub.conf",
        "/boot/grub/menu.lst", "/boot/extlinux/extlinux.conf", "/boot/grub2/grubenv", "/boot/grub/grubenv",
        "/etc/default/grub", "/etc/kernel/cmdline", "/etc/initramfs-tools/conf.d/resume",
        "/etc/sysconfig/bootloader",
    ]
    private static let commandLineDirectories = [
        ("/boot/loader/entries", ".conf"), ("/boot/efi/loader/entries", ".conf"), ("/efi/loader/entries", ".conf"),
        ("/etc/dracut.conf.d", ".conf"), ("/etc/default/grub.d", ".cfg"),
    ]

    func run() throws(GuestError) {
        try rewriteFields("/etc/fstab", field: 0)
        try rewriteFields("/etc/crypttab", field: 1)
        var seen: Set<String> = []
        for path in try commandLinePaths() {
            // /etc/sysconfig/grub and others are links to the same file.
            guard let location = try editor.tree.find(path), seen.insert(location.path).inserted else { continue }
            try rewriteCommandLines(location.path)
        }
    }

    private func commandLinePaths() throws(GuestError) -> [String] {
        var paths = Self.commandLineFiles
        for (directory, suffix) in Self.commandLineDirectories {
            paths += try editor.tree.files(in: directory, suffix: suffix)
        }
        for vendor in try editor.tree.names(in: "/boot/efi/EFI") {
            paths += ["/boot/efi/EFI/\(vendor)/grub.cfg", "/boot/efi/EFI/\(vendor)/grub.conf"]
        }
        return paths
    }

    /// A name that every kernel and every tool finds, and no hardware changes; nil if `text` is such a name already, or none
    /// of a device that is known.
    private func replacement(for text: String, in path: String) -> String? {
        let name = DeviceName(text)
        guard name.dependsOnHardware else { return nil }
        guard let uuid = machine.volume(name)?.uuid else {
            editor.note(
                FixupNote(
                    .deviceNameKept, "\(path) names \(text), which can't be found on these disks", isProblem: true))
            return nil
        }
        return "UUID=\(uuid)"
    }

    /// Rewrites field number `field` of every line.
    private func rewriteFields(_ path: String, field: Int) throws(GuestError) {
        guard let bytes = try editor.tree.bytes(path) else { return }
        let edited = TextEdit.mapFields(bytes, field: field) { replacement(for: $0, in: path) }
        try editor.replace(path, with: edited, reason: Self.reason)
    }

    /// Rewrites what `root=`, `resume=` and their kin name.
    private func rewriteCommandLines(_ path: String) throws(GuestError) {
        guard let bytes = try editor.tree.bytes(path) else { return }
        let edited = TextEdit.mapParameters(bytes, ["root", "resume", "RESUME", "real_root", "rootfs"]) {
            replacement(for: $0, in: path)
        }
        // GRUB's environment block has 1024 bytes, whatever is in it.
        let sized = path.hasSuffix("/grubenv") ? TextEdit.environmentBlock(edited, size: bytes.count) : edited
        guard let sized else {
            editor.note(FixupNote(.fileNotChanged, "\(path) has no room for longer device names", isProblem: true))
            return
        }
        try editor.replace(path, with: sized, reason: Self.reason)
    }
}
