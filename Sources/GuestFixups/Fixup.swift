package import DiskImage
package import GuestDisk

/// Makes a guest boot on KVM with virtio: applies rules to the system on a machine's disks.
///
/// It works on whatever devices it is given, which are copies on write (``OverlayDevice``): a plan is a run whose changes are
/// not kept.
package struct Fixup {
    package var manifests: ManifestSet
    /// Names of interfaces that the user or the machine's description demands.
    package var bindings: [NameBinding] = []
    /// The machine's network adapters, as far as its description tells.
    package var adapters: [NetworkAdapter] = []
    /// Whether interfaces keep their names.
    package var keepsInterfaceNames = true

    package init(manifests: ManifestSet) {
        self.manifests = manifests
    }

    /// - Throws: ``GuestError`` if a change has failed in the middle: nothing may be kept then.
    package func run(on machine: Machine) throws(GuestError) -> FixupReport {
        let (guests, warnings) = LinuxGuest.all(on: machine)
        // What matters of the first makes a change impossible, which is a problem of its own.
        var notes = machine.warnings.map { FixupNote(.unreadableVolume, $0) }
        notes += warnings.map { FixupNote(.unreadableVolume, $0, isProblem: true) }
        guard !machine.isHibernated else {
            notes.append(
                FixupNote(
                    .hibernated,
                    "the machine hibernates: shut it down instead, for its disks must not change until it goes on",
                    isProblem: true))
            return FixupReport(guest: nil, changes: [], notes: notes)
        }
        guard let guest = guests.first else {
            notes.append(
                FixupNote(.unknownGuest, "no system that is known was found on these disks", isProblem: true))
            return FixupReport(guest: nil, changes: [], notes: notes)
        }
        for other in guests.dropFirst() {
            notes.append(
                FixupNote(.severalGuests, "there is another system on \(other.root.name), which stays as it is"))
        }
        notes += guest.warnings.map { FixupNote(.unreadableVolume, $0) }
        notes += guest.problems.map { FixupNote(.unreadableVolume, $0, isProblem: true) }
        let editor = GuestEditor(guest.tree)
        for note in notes { editor.note(note) }
        let bindings = try decideNames(guest, editor)
        var initramfs = InitramfsWishes()
        for manifest in manifests.manifests where try manifest.match.matches(guest) {
            for action in manifest.actions {
                try apply(action, of: manifest, to: guest, machine, bindings, editor, &initramfs)
            }
        }
        try finish(initramfs, guest, bindings, editor)
        for problem in guest.tree.problems { editor.note(FixupNote(.unreadableVolume, problem)) }
        try editor.flush()
        return FixupReport(guest: guest, changes: editor.changes, notes: editor.notes)
    }

    private func decideNames(_ guest: LinuxGuest, _ editor: GuestEditor) throws(GuestError) -> [NameBinding] {
        guard keepsInterfaceNames else { return bindings }
        let interfaces = try NetworkConfiguration.interfaces(of: guest.tree)
        let decided = NameBinding.decide(wanted: bindings, adapters: adapters, interfaces: interfaces)
        for note in decided.notes { editor.note(note) }
        return decided.bindings
    }

    private func apply(
        _ action: FixupAction, of manifest: Manifest, to guest: LinuxGuest, _ machine: Machine,
        _ bindings: [NameBinding], _ editor: GuestEditor, _ initramfs: inout InitramfsWishes
    ) throws(GuestError) {
        let files = FileActions(manifest: manifest, editor: editor)
        switch action {
        case .initramfsModules(let modules): initramfs.modules += modules.filter { !initramfs.modules.contains($0) }
        case .rewriteDeviceNames:
            let isFoundByKernel = guest.kernels.contains { $0.image != nil && $0.initramfs == nil }
            let names = try DeviceNames(machine: machine, editor: editor, rootIsFoundByKernel: isFoundByKernel)
            try names.run()
            initramfs.edits += names.initramfsEdits
        case .pinInterfaceNames: try PinnedNames(bindings: bindings, editor: editor).run()
        case .writeFile(let path, let content, let permissions):
            try files.write(path, content, permissions: permissions)
        case .appendLines(let path, let lines): try files.append(lines, to: path)
        case .replaceText(let path, let find, let text): try files.replace(find, with: text, in: path)
        case .addWords(let path, let variable, let words): try files.addWords(words, to: variable, in: path)
        case .removeFile(let path): try files.remove(path)
        case .disableUnit(let unit): try files.disable(unit)
        case .lvmDevicesByIdentifier:
            try LVMDevices(editor: editor).run()
            initramfs.edits.append(LVMDevices.initramfsEdit)
        }
    }

    /// Changes the initramfs files, last: they carry what the root could not be given.
    private func finish(
        _ initramfs: InitramfsWishes, _ guest: LinuxGuest, _ bindings: [NameBinding], _ editor: GuestEditor
    ) throws(GuestError) {
        let postponed = editor.postponed
        var isCarried = false
        if !initramfs.modules.isEmpty {
            isCarried = try InitramfsModules(
                modules: initramfs.modules, bindings: bindings, edits: initramfs.edits,
                firstBoot: try FirstBoot(postponed, tree: guest.tree), guest: guest, editor: editor
            ).run()
        }
        for change in postponed { editor.note(isCarried ? change.note : change.otherwise) }
    }
}
