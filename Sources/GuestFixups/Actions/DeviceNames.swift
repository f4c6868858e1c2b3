import GuestDisk

/// Rewrites names of devices that depend on the hardware, `/dev/sda1` or `/dev/disk/by-path/…`, into names that don't.
/// Everything else in the files stays as it is, to the byte.
struct DeviceNames {
    let machine: Machine
    let editor: GuestEditor
    /// The kernel finds its root without help from an initramfs, so it must be told by partition.
    let rootIsFoundByKernel: Bool

    private static let reason = "a device's name would be another on virtio"
    private static let parameters = ["root", "resume", "RESUME", "real_root", "rootfs"]

    /// Where in files the kernel's command line is: the loader's own configuration, and what it is made from.
    private static let commandLineFiles = [
        "/boot/grub/grub.cfg", "/boot/grub2/grub.cfg", "/boot/grub/custom.cfg", "/boot/grub2/custom.cfg",
        "/boot/grub/grub.conf", "/boot/grub/menu.lst", "/boot/extlinux/extlinux.conf", "/boot/syslinux/syslinux.cfg",
        "/boot/grub2/grubenv", "/boot/grub/grubenv", "/etc/default/grub", "/etc/grub.d/40_custom",
        "/etc/kernel/cmdline",
        "/etc/initramfs-tools/conf.d/resume", "/etc/sysconfig/bootloader",
    ]
    private static let commandLineDirectories = [
        ("/boot/loader/entries", ".conf"), ("/boot/efi/loader/entries", ".conf"), ("/efi/loader/entries", ".conf"),
        ("/etc/dracut.conf.d", ".conf"), ("/etc/default/grub.d", ".cfg"),
    ]

    func run() throws(GuestError) {
        let files = try commandLinePaths()
        let ambiguity = try survey(files)
        try rewriteFields("/etc/fstab", field: 0, ambiguity)
        try rewriteFields("/etc/crypttab", field: 1, ambiguity)
        for path in files { try rewriteCommandLines(path, ambiguity) }
    }

    /// Without symbolic links, each once: `/etc/sysconfig/grub` and others lead to the same file.
    private func commandLinePaths() throws(GuestError) -> [String] {
        var paths = Self.commandLineFiles
        for (directory, suffix) in Self.commandLineDirectories {
            paths += try editor.tree.files(in: directory, suffix: suffix)
        }
        for esp in ["/boot/efi/EFI", "/efi/EFI", "/boot/EFI"] {
            for vendor in try editor.tree.names(in: esp) {
                paths += ["\(esp)/\(vendor)/grub.cfg", "\(esp)/\(vendor)/grub.conf"]
            }
        }
        var found: [String] = []
        for path in paths {
            guard let location = try editor.tree.find(path), !found.contains(location.path) else { continue }
            found.append(location.path)
        }
        return found
    }

    /// Reads all names before the first is rewritten: they tell together which disks the guest knows.
    private func survey(_ files: [String]) throws(GuestError) -> DeviceAmbiguity {
        var ambiguity = DeviceAmbiguity()
        for (path, field) in [("/etc/fstab", 0), ("/etc/crypttab", 1)] {
            guard let bytes = try editor.tree.configuration(path) else { continue }
            _ = TextEdit.mapFields(bytes, field: field) { fields in
                ambiguity.add(DeviceName(fields[field]))
                return nil
            }
        }
        for path in files {
            guard let bytes = try editor.tree.configuration(path) else { continue }
            _ = TextEdit.mapParameters(bytes, Self.parameters) { _, value in
                ambiguity.add(DeviceName(value))
                return nil
            }
        }
        return ambiguity
    }

    /// The volume that `name` means; nil, with a note, if nothing tells.
    private func volume(_ name: DeviceName, in path: String, _ ambiguity: DeviceAmbiguity, matters: Bool) -> Volume? {
        guard name.dependsOnHardware else { return nil }
        if !ambiguity.isAmbiguous(name), let volume = machine.volume(name) { return volume }
        editor.note(
            FixupNote(
                .deviceNameKept, "\(path) names \(name.text); which of these disks that is nothing tells",
                isProblem: matters))
        return nil
    }

    /// Rewrites field number `field` of every line.
    private func rewriteFields(_ path: String, field: Int, _ ambiguity: DeviceAmbiguity) throws(GuestError) {
        guard let bytes = try editor.tree.configuration(path) else { return }
        var rewritten: [String] = []
        let edited = TextEdit.mapFields(bytes, field: field) { fields in
            let options = fields.count > 3 ? fields[3].split(separator: ",") : []
            let isNeeded = !options.contains("noauto") && !options.contains("nofail")
            guard let volume = volume(DeviceName(fields[field]), in: path, ambiguity, matters: isNeeded) else {
                return nil
            }
            // Of another type than the disk has: it is another disk.
            let type = fields.count > 2 && path == "/etc/fstab" ? fields[2] : "auto"
            guard volume.isOfType(type) else {
                editor.note(
                    FixupNote(
                        .deviceNameKept, "\(path) says that \(fields[field]) is \(type), but \(volume.name) is not",
                        isProblem: isNeeded))
                return nil
            }
            guard let name = volume.stableName else { return nil }
            rewritten.append(fields[field])
            return name
        }
        try replace(path, with: edited, rewritten)
    }

    /// Rewrites what `root=`, `resume=` and their kin name.
    private func rewriteCommandLines(_ path: String, _ ambiguity: DeviceAmbiguity) throws(GuestError) {
        guard let bytes = try editor.tree.configuration(path) else { return }
        var rewritten: [String] = []
        let edited = TextEdit.mapParameters(bytes, Self.parameters) { parameter, value in
            guard let volume = volume(DeviceName(value), in: path, ambiguity, matters: true),
                let name = parameter == "root" && rootIsFoundByKernel ? volume.partitionName : volume.stableName
            else { return nil }
            rewritten.append(value)
            return name
        }
        // GRUB's environment block has 1024 bytes, whatever is in it.
        let sized = path.hasSuffix("/grubenv") ? TextEdit.environmentBlock(edited, size: bytes.count) : edited
        guard let sized else {
            editor.note(FixupNote(.fileNotChanged, "\(path) has no room for longer device names", isProblem: true))
            return
        }
        try replace(path, with: sized, rewritten)
    }

    /// - Parameter names: that are others now.
    private func replace(_ path: String, with bytes: [UInt8], _ names: [String]) throws(GuestError) {
        guard try editor.replace(path, with: bytes, reason: Self.reason) else { return }
        for name in names {
            editor.mend(Obstacle(.deviceName, "\(path) names \(name), which is called otherwise on virtio"))
        }
    }
}

extension Volume {
    /// What every tool finds it by, whatever the hardware.
    fileprivate var stableName: String? { uuid.map { "UUID=\($0)" } ?? partitionName }

    /// What the kernel itself finds it by.
    fileprivate var partitionName: String? { partition.map { "PARTUUID=\($0.uuid)" } }

    /// Whether `/etc/fstab` may call it that.
    fileprivate func isOfType(_ type: String) -> Bool {
        guard let own = self.type, !["auto", "none"].contains(type) else { return true }
        // ext4's driver serves them all; NTFS has several.
        return own == type || own.hasPrefix("ext") && type.hasPrefix("ext") || own == "ntfs" || own == "crypto_LUKS"
    }
}
