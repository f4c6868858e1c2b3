import GuestDisk

/// An initramfs that a kernel is not booted with as a rule.
package struct AuxiliaryImage: Equatable {
    package enum Purpose: String, Sendable {
        /// Boots whatever the hardware: dracut builds it with all drivers, so it needs nothing (51-dracut-rescue.install).
        case rescue
        /// Saves a crashed kernel's memory. Made for the hardware that there was.
        case kdump
    }

    package var path: String
    package var purpose: Purpose

    /// Those of `tree`: RHEL and Fedora, kernel-install, SUSE and Debian have each their own names for them.
    static func all(in tree: GuestTree) throws(GuestError) -> [AuxiliaryImage] {
        var images: [AuxiliaryImage] = []
        for directory in ["/boot", "/var/lib/kdump"] {
            for name in try tree.names(in: directory) {
                guard let purpose = purpose(of: name, isKdumps: directory != "/boot") else { continue }
                images.append(AuxiliaryImage(path: "\(directory)/\(name)", purpose: purpose))
            }
        }
        let machine = (try tree.text("/etc/machine-id") ?? "").trimmed
        for directory in ["/boot", "/boot/efi", "/efi"] where !machine.isEmpty {
            let path = "\(directory)/\(machine)/0-rescue/initrd"
            if try tree.isFile(path) { images.append(AuxiliaryImage(path: path, purpose: .rescue)) }
        }
        return images
    }

    private static func purpose(of name: String, isKdumps: Bool) -> Purpose? {
        guard name.hasPrefix("initramfs-") || name.hasPrefix("initrd") else { return nil }
        if name.hasPrefix("initramfs-0-rescue") { return .rescue }
        return isKdumps || name.hasSuffix("kdump.img") || name.hasSuffix("-kdump") ? .kdump : nil
    }
}
