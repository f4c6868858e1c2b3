import DiskImage
import GuestDisk

/// What is installed in a guest, by the files that tell.
struct SystemFacts {
    let tree: GuestTree

    typealias Signs = [(name: String, paths: [String])]

    static let bootloaders: Signs = [
        ("grub2", ["/boot/grub2/grub.cfg", "/boot/grub/grub.cfg"]),
        ("grub1", ["/boot/grub/grub.conf", "/boot/grub/menu.lst"]),
        ("systemd-boot", ["/boot/efi/loader/loader.conf", "/boot/loader/loader.conf", "/efi/loader/loader.conf"]),
        ("extlinux", ["/boot/extlinux/extlinux.conf"]),
    ]

    static let initramfsTools: Signs = [
        ("dracut", ["/usr/bin/dracut", "/usr/sbin/dracut", "/sbin/dracut"]),
        ("initramfs-tools", ["/usr/sbin/mkinitramfs", "/usr/bin/mkinitramfs"]),
        ("mkinitcpio", ["/usr/bin/mkinitcpio"]),
        ("mkinitrd", ["/sbin/mkinitrd", "/usr/sbin/mkinitrd"]),
    ]

    static let tools: Signs = [
        ("open-vm-tools", ["/usr/bin/vmtoolsd"]),
        (
            "vmware-tools",
            ["/usr/bin/vmware-uninstall-tools.pl", "/usr/sbin/vmware-guestd", "/etc/vmware-tools/locations"]
        ),
        ("virtualbox-guest", ["/var/lib/VBoxGuestAdditions/config", "/usr/sbin/VBoxService"]),
        ("xen-guest", ["/usr/sbin/xe-daemon", "/usr/sbin/xe-linux-distribution"]),
        ("hyperv-daemons", ["/usr/sbin/hv_kvp_daemon", "/usr/sbin/hypervkvpd"]),
        ("qemu-guest-agent", ["/usr/bin/qemu-ga", "/usr/sbin/qemu-ga"]),
        ("cloud-init", ["/usr/bin/cloud-init"]),
    ]

    /// What rules can ask for.
    static let matchable = tools + initramfsTools

    func first(_ signs: Signs) throws(GuestError) -> String? { try all(signs).first }

    /// - Throws: only `disk`.
    func all(_ signs: Signs) throws(GuestError) -> [String] {
        var names: [String] = []
        for sign in signs where try tree.hasAny(sign.paths) { names.append(sign.name) }
        return names
    }

    /// A disk with an EFI system partition and nothing for a BIOS to start boots by UEFI.
    static func firmware(_ machine: Machine) -> Firmware {
        let tables = machine.disks.compactMap(\.partitionTable)
        let hasESP = tables.contains { $0.partitions.contains(where: \.isESP) }
        let hasBIOSBoot = tables.contains { $0.partitions.contains { $0.isBIOSBoot || $0.isActive } }
        return hasESP && !hasBIOSBoot ? .uefi : .bios
    }

    /// Whether the machine's clock shows the local time: the third line of /etc/adjtime (hwclock(8)).
    static func isClockLocal(_ tree: GuestTree) -> Bool {
        let lines = (try? tree.text("/etc/adjtime"))?.split(separator: "\n", omittingEmptySubsequences: false) ?? []
        return lines.count > 2 && String(lines[2]).trimmed == "LOCAL"
    }
}
