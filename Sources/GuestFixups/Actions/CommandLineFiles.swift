import GuestDisk

/// Where in files the kernel's command line is: the loader's own configuration, and what it is made from.
enum CommandLineFiles {
    private static let files = [
        "/boot/grub/grub.cfg", "/boot/grub2/grub.cfg", "/boot/grub/custom.cfg", "/boot/grub2/custom.cfg",
        "/boot/grub/grub.conf", "/boot/grub/menu.lst", "/boot/extlinux/extlinux.conf", "/boot/syslinux/syslinux.cfg",
        "/boot/grub2/grubenv", "/boot/grub/grubenv", "/etc/default/grub", "/etc/grub.d/40_custom",
        "/etc/kernel/cmdline",
        "/etc/initramfs-tools/conf.d/resume", "/etc/sysconfig/bootloader",
    ]
    private static let directories = [
        ("/boot/loader/entries", ".conf"), ("/boot/efi/loader/entries", ".conf"), ("/efi/loader/entries", ".conf"),
        ("/etc/dracut.conf.d", ".conf"), ("/etc/default/grub.d", ".cfg"),
    ]

    /// Without symbolic links, each once: `/etc/sysconfig/grub` and others lead to the same file.
    static func paths(in tree: GuestTree) throws(GuestError) -> [String] {
        var paths = files
        for (directory, suffix) in directories {
            paths += try tree.files(in: directory, suffix: suffix)
        }
        for esp in ["/boot/efi/EFI", "/efi/EFI", "/boot/EFI"] {
            for vendor in try tree.names(in: esp) {
                paths += ["\(esp)/\(vendor)/grub.cfg", "\(esp)/\(vendor)/grub.conf"]
            }
        }
        var found: [String] = []
        for path in paths {
            guard let location = try tree.find(path), !found.contains(location.path) else { continue }
            found.append(location.path)
        }
        return found
    }

    /// Gives the file at `path`, which has the content `bytes`, the content `edited`.
    /// - Returns: whether it now has that content.
    @discardableResult
    static func replace(
        _ path: String, _ bytes: [UInt8], with edited: [UInt8], reason: String, _ editor: GuestEditor
    ) throws(GuestError) -> Bool {
        // GRUB's environment block has 1024 bytes, whatever is in it.
        let sized = path.hasSuffix("/grubenv") ? TextEdit.environmentBlock(edited, size: bytes.count) : edited
        guard let sized else {
            editor.note(FixupNote(.fileNotChanged, "\(path) has no room for what it should have", isProblem: true))
            return false
        }
        return try editor.replace(path, with: sized, reason: reason)
    }
}
