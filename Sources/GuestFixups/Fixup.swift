package import DiskImage
package import GuestDisk

/// Makes a guest boot on KVM with virtio: applies rules to the system on a machine's disks.
///
/// It works on whatever devices it is given, which are copies on write (``OverlayDevice``): a plan is a run whose changes are
/// not kept.
package struct Fixup {
    package var manifests: ManifestSet
    /// What becomes of the names of interfaces.
    package enum InterfaceNaming: String, Sendable, CaseIterable {
        /// Those that there were stay.
        case keep
        /// Those in ``Fixup/bindings`` are new ones, which the guest's configuration gets; others stay.
        case rename
        /// Those that the new hardware gives, but for ``Fixup/bindings``.
        case none
    }

    package var interfaceNaming = InterfaceNaming.keep
    /// Names of interfaces that the user demands.
    package var bindings: [NameBinding] = []
    /// The machine's network adapters, as far as its description tells.
    package var adapters: [NetworkAdapter] = []

    package init(manifests: ManifestSet) {
        self.manifests = manifests
    }

    /// - Throws: ``GuestError`` if a change has failed in the middle: nothing may be kept then.
    package func run(on machine: Machine) throws(GuestError) -> FixupReport {
        let (guests, warnings) = try LinuxGuest.all(on: machine)
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
        var matching: [Manifest] = []
        for manifest in manifests.manifests where try manifest.match.matches(guest, machine) {
            matching.append(manifest)
        }
        let (bindings, renaming) = try decideNames(guest, matching, editor)
        try RenamedInterfaces(renaming: renaming, editor: editor).run()
        var initramfs = InitramfsWishes()
        for manifest in matching {
            for action in manifest.actions {
                try apply(action, of: manifest, to: guest, machine, bindings, editor, &initramfs)
            }
        }
        try finish(initramfs, guest, bindings, editor)
        for problem in guest.tree.problems { editor.note(FixupNote(.unreadableVolume, problem)) }
        try editor.flush()
        return FixupReport(guest: guest, changes: editor.changes, notes: editor.notes, mended: editor.mended)
    }

    /// - Returns: how interfaces are bound to names, and which get other ones.
    private func decideNames(
        _ guest: LinuxGuest, _ matching: [Manifest], _ editor: GuestEditor
    ) throws(GuestError) -> (bindings: [NameBinding], renaming: InterfaceRenaming) {
        guard interfaceNaming != .none else { return (bindings, InterfaceRenaming()) }
        let interfaces = try NetworkConfiguration.interfaces(of: guest.tree)
        // The user's word comes before a rule's.
        var new = interfaceNaming == .rename ? bindings : []
        for case .renameInterfaces(let names) in matching.flatMap(\.actions) {
            new += names.filter { name in !(bindings + new).contains { $0.match == name.match } }
        }
        let wanted = interfaceNaming == .rename ? [] : bindings
        let decided = NameBinding.decide(wanted: wanted, adapters: adapters, interfaces: interfaces)
        let planned = InterfaceRenaming.plan(wanted: new, kept: decided.bindings, interfaces: interfaces)
        let isGuessed = planned.bindings.contains { $0.match == .onlyInterface }
        for note in decided.notes.filter({ $0.code != .advice || isGuessed }) + planned.notes { editor.note(note) }
        return (planned.bindings, planned.renaming)
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
        // Done already: all rules must have known which names there will be.
        case .renameInterfaces: break
        case .replaceParameter(let name, let values, let value):
            try KernelParameters(editor: editor).replace(name, values, with: value, reason: manifest.summary)
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
