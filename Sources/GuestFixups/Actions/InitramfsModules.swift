import GuestDisk
import Initramfs

/// Gives the initramfs of every kernel what it lacks: modules, the names of interfaces, names of devices that it has copies of,
/// and what the root could not be given. All of it is in one archive behind those that it has. The file grows where its filesystem lets it; else what it has is compressed harder, and the file stays as long as it was.
struct InitramfsModules {
    let modules: [String]
    let bindings: [NameBinding]
    let edits: [InitramfsEdit]
    let firstBoot: FirstBoot
    let guest: LinuxGuest
    let editor: GuestEditor

    private static let reason = "the kernel finds its disks and its network on virtio"

    /// - Returns: whether every kernel's initramfs has the guest make its part of the changes at its first boot.
    func run() throws(GuestError) -> Bool {
        let bootable = guest.kernels.filter { $0.image != nil }
        if bootable.isEmpty {
            editor.note(FixupNote(.kernelNotReady, "no kernel was found that could be made to boot", isProblem: true))
        }
        try noteUnifiedImages()
        for image in guest.auxiliaryImages where image.purpose == .kdump {
            editor.note(
                FixupNote(
                    .advice,
                    "\(image.path) is kdump's, made for the hardware that there was; if kdump doesn't make it anew by "
                        + "itself, do it in the guest (kdumpctl rebuild, kdump-config load, mkdumprd)"))
        }
        // udev in the initramfs reads them: there interfaces get their names, before the root is there.
        let names = try PinnedNames.files(bindings, guest.tree).map { path, content in
            InitramfsFile(path: String(path.dropFirst()), content: content)
        }
        var count = 0
        for kernel in bootable where try prepare(kernel, names) { count += 1 }
        return !bootable.isEmpty && count == bootable.count
    }

    /// Kernel, command line and initramfs in one signed file (UAPI.5): nothing can be added to it.
    private func noteUnifiedImages() throws(GuestError) {
        for directory in ["/boot/efi/EFI/Linux", "/efi/EFI/Linux", "/boot/EFI/Linux"] {
            for path in try guest.tree.files(in: directory, suffix: ".efi") {
                editor.note(
                    FixupNote(
                        .kernelNotReady,
                        "\(path) is a unified kernel image, which can't be changed: build it again with "
                            + "virtio in the guest before the migration", isProblem: true))
            }
        }
    }

    /// - Returns: whether its initramfs makes the guest do its part.
    private func prepare(_ kernel: GuestKernel, _ names: [InitramfsFile]) throws(GuestError) -> Bool {
        let tree = KernelModules(tree: guest.tree, directory: kernel.modules)
        guard let path = kernel.initramfs, let location = try guest.tree.find(path) else {
            try requireBuiltIn(kernel, tree)
            return false
        }
        let image: InitramfsImage
        let addition: InitramfsAddition
        let hook: [InitramfsFile]?
        do throws(GuestError) {
            let bytes = try location.filesystem.readAll(location.file, limit: GuestEditor.maximumLength)
            image = InitramfsImage(bytes) { path in
                path == InitramfsHook.order || edits.contains { $0.isFor(path) }
            }
            hook = firstBoot.files(in: image)
            addition = try image.addition(
                for: SegmentRequest(
                    kernel: kernel.version, tree: tree, modules: modules,
                    files: names + (hook ?? []) + editedFiles(image)))
        } catch {
            fail(kernel, "\(path): \(error)")
            return false
        }
        tellAwaited(image, kernel)
        tell(addition.modules.presence.filter { $0.presence == .missing }.map(\.name), of: kernel, "does not have")
        guard !addition.isEmpty, !image.has(addition) else { return hook != nil }
        if let refusal = try add(addition, to: image, at: location, kernel) {
            fail(kernel, "\(path): \(refusal)")
            return false
        }
        tellMended(addition, names, path, kernel)
        return hook != nil
    }

    private func tellMended(
        _ addition: InitramfsAddition, _ names: [InitramfsFile], _ path: String, _ kernel: GuestKernel
    ) {
        let added = Set(addition.addedModules.map { ModuleName($0) })
        let lacking = modules.filter { added.contains(ModuleName($0)) }
        if !lacking.isEmpty {
            let names = lacking.joined(separator: ", ")
            editor.mend(Obstacle(.driversMissing, "kernel \(kernel.version): \(path) lacks \(names)"))
        }
        if names.contains(where: { addition.addedFiles.contains($0.path) }) {
            for binding in bindings { editor.mend(binding.obstacle) }
        }
    }

    /// dracut, when it builds for the hardware that there is, waits for devices by name until they are there (`wait_for_dev`), by
    /// UUID as a rule. Files can't be taken out of an initramfs.
    private func tellAwaited(_ image: InitramfsImage, _ kernel: GuestKernel) {
        for entry in image.segments.flatMap(\.entries) {
            guard let name = entry.path.split(separator: "/").last, name.hasPrefix("devexists-"), name.hasSuffix(".sh")
            else { continue }
            let device = DeviceName(DeviceName.unescaped(String(name.dropFirst("devexists-".count).dropLast(3))))
            if device.dependsOnHardware {
                fail(kernel, "its initramfs waits for \(device.text); build it again in the guest, with dracut -N")
            }
        }
    }

    /// The files of the initramfs that the edits change.
    private func editedFiles(_ image: InitramfsImage) -> [InitramfsFile] {
        image.contents.sorted { $0.key < $1.key }.compactMap { path, content in
            let edited = edits.filter { $0.isFor(path) }.reduce(content) { $1.edit(path, $0) }
            return edited == content ? nil : InitramfsFile(path: path, content: edited)
        }
    }

    /// - Returns: why that can't be done; nil if it is done.
    private func add(
        _ addition: InitramfsAddition, to image: InitramfsImage, at location: GuestTree.Location, _ kernel: GuestKernel
    ) throws(GuestError) -> GuestError? {
        let configuration = try kernel.configuration.flatMap { (path) throws(GuestError) in try guest.tree.text(path) }
        let known = image.knownCompressions(configuration: configuration)
        if location.filesystem.writability == .full {
            let longer = try image.appended(addition, known: known)
            if try editor.tryToReplace(location.path, with: longer, reason: Self.reason) == nil { return nil }
        }
        let readsMachineCode = configuration?.contains("CONFIG_XZ_DEC_X86=y") ?? false
        guard let same = try image.inPlace(addition, known: known, readsMachineCode: readsMachineCode) else {
            return GuestError(.noSpace, "there is no room for the modules, however the file is compressed")
        }
        return try editor.tryToReplace(location.path, with: same, reason: Self.reason)
    }

    /// A kernel that boots without an initramfs must have built in what it needs.
    private func requireBuiltIn(_ kernel: GuestKernel, _ tree: KernelModules) throws(GuestError) {
        let selection: ModuleSelection
        do throws(GuestError) {
            selection = try ModuleIndex(tree, kernel: kernel.version).select(modules)
        } catch {
            return fail(kernel, "the index of its modules can't be read: \(error)")
        }
        tell(selection.presence.filter { $0.presence != .builtIn }.map(\.name), of: kernel, "has not built in")
    }

    private func tell(_ missing: [String], of kernel: GuestKernel, _ what: String) {
        guard !missing.isEmpty else { return }
        // One of the two buses is enough for a disk.
        let isReady =
            !missing.contains("virtio_pci") && !missing.contains("virtio_net")
            && !(missing.contains("virtio_blk") && (missing.contains("virtio_scsi") || missing.contains("sd_mod")))
        editor.note(
            FixupNote(
                .kernelNotReady, "kernel \(kernel.version) \(what) \(missing.joined(separator: ", "))",
                isProblem: !isReady))
    }

    private func fail(_ kernel: GuestKernel, _ why: String) {
        editor.note(
            FixupNote(.kernelNotReady, "kernel \(kernel.version) won't boot on virtio: \(why)", isProblem: true))
    }
}

/// The modules of a kernel, in the guest's files.
private struct KernelModules: ModuleTree {
    let tree: GuestTree
    let directory: String

    func content(of path: String, limit: Int) throws(GuestError) -> [UInt8]? {
        try tree.bytes("\(directory)/\(path)", limit: limit)
    }
}
