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

    private let files: [String]
    private let ambiguity: DeviceAmbiguity

    /// Reads all names before the first is rewritten: they tell together which disks the guest knows.
    init(machine: Machine, editor: GuestEditor, rootIsFoundByKernel: Bool) throws(GuestError) {
        self.machine = machine
        self.editor = editor
        self.rootIsFoundByKernel = rootIsFoundByKernel
        files = try CommandLineFiles.paths(in: editor.tree)
        ambiguity = try Self.survey(files, editor.tree)
    }

    func run() throws(GuestError) {
        for table in DeviceTable.allCases {
            guard let bytes = try editor.tree.configuration(table.path) else { continue }
            let edited = rewrite(table, bytes, in: table.path, matters: true)
            if try editor.replace(table.path, with: edited.bytes, reason: Self.reason) {
                mend(edited.names, in: table.path)
            }
        }
        for path in files { try rewriteCommandLines(path) }
    }

    /// The copies that an initramfs has, of which none keeps the guest from booting: what the loader says comes first.
    var initramfsEdits: [InitramfsEdit] {
        DeviceTable.allCases.map { table in
            InitramfsEdit(isFor: { "/\($0)" == table.path }) { name, bytes in
                rewrite(table, bytes, in: "\(name) in the initramfs", matters: false).bytes
            }
        } + [
            InitramfsEdit(isFor: Self.isCommandLine) { name, bytes in
                rewriteParameters(bytes, in: "\(name) in the initramfs", matters: false).bytes
            }
        ]
    }

    /// dracut's parts of the command line (dracut.cmdline(7)), and where initramfs-tools remembers the space to resume from.
    private static func isCommandLine(_ path: String) -> Bool {
        path == "etc/cmdline" || path.hasPrefix("etc/cmdline.d/") || path.hasPrefix("conf/conf.d/")
    }

    private static func survey(_ files: [String], _ tree: GuestTree) throws(GuestError) -> DeviceAmbiguity {
        var ambiguity = DeviceAmbiguity()
        for table in DeviceTable.allCases {
            guard let bytes = try tree.configuration(table.path) else { continue }
            _ = table.mapDevices(bytes) { device, _ in
                ambiguity.add(DeviceName(device))
                return nil
            }
        }
        for path in files {
            guard let bytes = try tree.configuration(path) else { continue }
            _ = TextEdit.mapParameters(bytes, parameters) { _, value in
                ambiguity.add(DeviceName(value))
                return nil
            }
        }
        return ambiguity
    }

    /// The volume that `name` means; nil, with a note, if nothing tells.
    private func volume(_ name: DeviceName, in path: String, matters: Bool) -> Volume? {
        guard name.dependsOnHardware else { return nil }
        if !ambiguity.isAmbiguous(name), let volume = machine.volume(name) { return volume }
        editor.note(
            FixupNote(
                .deviceNameKept, "\(path) names \(name.text); which of these disks that is nothing tells",
                isProblem: matters))
        return nil
    }

    /// What was rewritten, and the names that were there.
    private typealias Rewritten = (bytes: [UInt8], names: [String])

    private func rewrite(_ table: DeviceTable, _ bytes: [UInt8], in path: String, matters: Bool) -> Rewritten {
        var names: [String] = []
        let edited = table.mapDevices(bytes) { device, fields in
            let options = fields.count > 3 ? fields[3].split(separator: ",") : []
            let isNeeded = matters && !options.contains("noauto") && !options.contains("nofail")
            guard let volume = volume(DeviceName(device), in: path, matters: isNeeded) else { return nil }
            // What is encrypted with a new key at each boot has no identifier of its own that would last.
            let isKept = table != .crypttab || volume.type == "crypto_LUKS"
            guard let name = isKept ? volume.stableName : volume.partitionName else { return nil }
            // Of another type than the disk has: it is another disk.
            let type = table != .crypttab && fields.count > 2 ? fields[2] : "auto"
            guard volume.isOfType(type) else {
                editor.note(
                    FixupNote(
                        .deviceNameKept, "\(path) says that \(device) is \(type), but \(volume.name) is not",
                        isProblem: isNeeded))
                return nil
            }
            names.append(device)
            return name
        }
        return (edited, names)
    }

    /// Rewrites what `root=`, `resume=` and their kin name.
    private func rewriteParameters(_ bytes: [UInt8], in path: String, matters: Bool) -> Rewritten {
        var names: [String] = []
        let edited = TextEdit.mapParameters(bytes, Self.parameters) { parameter, value in
            guard let volume = volume(DeviceName(value), in: path, matters: matters),
                let name = parameter == "root" && rootIsFoundByKernel ? volume.partitionName : volume.stableName
            else { return nil }
            names.append(value)
            return name
        }
        return (edited, names)
    }

    private func rewriteCommandLines(_ path: String) throws(GuestError) {
        guard let bytes = try editor.tree.configuration(path) else { return }
        let edited = rewriteParameters(bytes, in: path, matters: true)
        if try CommandLineFiles.replace(path, bytes, with: edited.bytes, reason: Self.reason, editor) {
            mend(edited.names, in: path)
        }
    }

    /// - Parameter names: that are others now.
    private func mend(_ names: [String], in path: String) {
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
