package import GuestDisk

/// A Linux system that is installed on a machine's disks.
package struct LinuxGuest {
    /// Where its root is.
    package let root: Volume
    /// The btrfs subvolume that is its root; nil if the root is the filesystem's.
    package let subvolume: String?
    package let tree: GuestTree
    /// Nil if nothing tells.
    package let release: OSRelease?
    /// Installed kernels, by version.
    package private(set) var kernels: [GuestKernel] = []
    /// For a rescue or a crash.
    package private(set) var auxiliaryImages: [AuxiliaryImage] = []
    /// What keeps the system from being fixed whole.
    package private(set) var problems: [String] = []
    /// What is wrong, though it didn't keep us from looking at the rest.
    package private(set) var warnings: [String] = []

    /// The systems on `machine`, in the order of its volumes. Most machines have one.
    /// - Throws: only `disk`.
    package static func all(
        on machine: Machine
    ) throws(GuestError) -> (guests: [LinuxGuest], warnings: [String]) {
        var guests: [LinuxGuest] = []
        var warnings: [String] = []
        for volume in machine.volumes {
            guard let filesystem = volume.filesystem else { continue }
            for root in rootCandidates(filesystem) where !guests.contains(where: { $0.root.name == volume.name }) {
                do throws(GuestError) {
                    guard try isRoot(root.file, of: filesystem) else { continue }
                    guard !machine.hasTwin(volume) else {
                        throw GuestError(.unsupported, "another volume has the same UUID; which is meant nothing tells")
                    }
                    guests.append(try LinuxGuest(volume, filesystem, root, machine))
                } catch {
                    try error.requireReadable()
                    warnings.append("\(volume.name): \(error)")
                }
            }
        }
        return (guests, warnings)
    }

    /// The subvolumes in the order in which they are looked at: what is mounted by default, then those that are nearest to the top,
    /// as snapshots are not.
    private static func rootCandidates(_ filesystem: any Filesystem) -> [Subvolume] {
        let subvolumes = filesystem.subvolumes
        func depth(_ subvolume: Subvolume) -> Int { subvolume.name?.split(separator: "/").count ?? 0 }
        return Array(subvolumes.prefix(1))
            + subvolumes.dropFirst().sorted { (depth($0), $0.name ?? "") < (depth($1), $1.name ?? "") }
    }

    /// Whether a system's root is there: it has `etc`, something that tells of a system in it, and programs.
    private static func isRoot(_ file: FileID, of filesystem: any Filesystem) throws(GuestError) -> Bool {
        let tree = GuestTree(root: GuestTree.Mount(path: "/", filesystem: filesystem, root: file))
        guard try tree.hasAny(["/etc/fstab", "/etc/os-release", "/etc/hosts"]) else { return false }
        return try tree.hasAny(["/usr/bin", "/bin", "/usr/lib"])
    }

    private init(
        _ volume: Volume, _ filesystem: any Filesystem, _ subvolume: Subvolume, _ machine: Machine
    ) throws(GuestError) {
        root = volume
        self.subvolume = subvolume.name
        tree = GuestTree(root: GuestTree.Mount(path: "/", filesystem: filesystem, root: subvolume.file))
        let fstab = Fstab(try tree.text("/etc/fstab") ?? "")
        release = try OSRelease.read(tree)
        for entry in fstab.entries
        where entry.path.hasPrefix("/") && !entry.directories.isEmpty && !entry.isRemovable {
            mount(entry, machine)
        }
        kernels = try GuestKernel.all(in: tree)
        auxiliaryImages = try AuxiliaryImage.all(in: tree)
    }

    /// Without these a system can't be fixed: kernels, their initramfs, the loader's configuration and modules are there.
    private static let essential: Set<String> = ["/boot", "/boot/efi", "/efi", "/usr"]

    /// Tells that a filesystem is missing, and hides what lies below its directory: the guest never sees that.
    private mutating func miss(_ entry: Fstab.Entry, _ why: String) {
        tree.hide(entry.directory)
        let text = "\(entry.directory) \(why)"
        if Self.essential.contains(entry.directory) { problems.append(text) } else { warnings.append(text) }
    }

    private mutating func mount(_ entry: Fstab.Entry, _ machine: Machine) {
        guard let volume = machine.volume(entry.device) else {
            if entry.device.kind != .other {
                miss(entry, "is on \(entry.device.text), which is not on these disks")
            }
            return
        }
        switch volume.content {
        case .filesystem(let filesystem):
            let name = entry.option("subvol").map { $0.hasPrefix("/") ? String($0.dropFirst()) : $0 }
            let root =
                name.map { name in filesystem.subvolumes.first { $0.name == name }?.file } ?? filesystem.root
            guard let root else {
                miss(entry, "is the subvolume \(name ?? "") of \(volume.name), which has none such")
                return
            }
            tree.mount(GuestTree.Mount(path: entry.directory, filesystem: filesystem, root: root))
        case .unusable(_, let error): miss(entry, "is on \(volume.name): \(error)")
        case .foreign(let type, _): miss(entry, "is on \(volume.name), which is \(type)")
        case .swap, .physicalVolume, .unknown: break
        }
    }
}
