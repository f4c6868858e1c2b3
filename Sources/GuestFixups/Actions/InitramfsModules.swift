import GuestDisk
import Initramfs

/// Gives the initramfs of every kernel the modules that it lacks, and the names of interfaces: an archive behind those that it
/// has. The file grows where its filesystem lets it; else what it has is compressed harder, and the file stays as long as it was.
struct InitramfsModules {
    let modules: [String]
    let bindings: [NameBinding]
    let guest: LinuxGuest
    let editor: GuestEditor

    private static let reason = "the kernel finds its disks and its network on virtio"

    func run() throws(GuestError) {
        let bootable = guest.kernels.filter { $0.image != nil }
        if bootable.isEmpty {
            editor.note(FixupNote(.kernelNotReady, "no kernel was found that could be made to boot", isProblem: true))
        }
        try noteUnifiedImages()
        let files = try initramfsFiles()
        for kernel in bootable { try prepare(kernel, files) }
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

    /// What udev in the initramfs reads: there interfaces get their names, before the root is there.
    private func initramfsFiles() throws(GuestError) -> [InitramfsFile] {
        guard !bindings.isEmpty else { return [] }
        guard try PinnedNames.knowsLinkFiles(guest.tree) else {
            let rules = bindings.map(\.rule).joined()
            return [InitramfsFile(path: String(PinnedNames.rulesFile.dropFirst()), content: Array(rules.utf8))]
        }
        return bindings.map {
            InitramfsFile(
                path: "\(PinnedNames.linkDirectory.dropFirst())/\($0.linkFileName)", content: Array($0.linkFile.utf8))
        }
    }

    private func prepare(_ kernel: GuestKernel, _ files: [InitramfsFile]) throws(GuestError) {
        let tree = KernelModules(tree: guest.tree, directory: kernel.modules)
        guard let path = kernel.initramfs, let location = try guest.tree.find(path) else {
            return try requireBuiltIn(kernel, tree)
        }
        let request = SegmentRequest(kernel: kernel.version, tree: tree, modules: modules, files: files)
        let image: InitramfsImage
        let addition: InitramfsAddition
        do throws(GuestError) {
            image = InitramfsImage(try location.filesystem.readAll(location.file, limit: GuestEditor.maximumLength))
            addition = try image.addition(for: request)
        } catch {
            return fail(kernel, "\(path): \(error)")
        }
        tell(addition.modules.presence.filter { $0.presence == .missing }.map(\.name), of: kernel, "does not have")
        guard !addition.isEmpty, !image.has(addition) else { return }
        if let refusal = try add(addition, to: image, at: location, kernel) {
            fail(kernel, "\(path): \(refusal)")
        } else {
            tellMended(addition, path, kernel)
        }
    }

    private func tellMended(_ addition: InitramfsAddition, _ path: String, _ kernel: GuestKernel) {
        let added = Set(addition.addedModules.map { ModuleName($0) })
        let lacking = modules.filter { added.contains(ModuleName($0)) }
        if !lacking.isEmpty {
            let names = lacking.joined(separator: ", ")
            editor.mend(Obstacle(.driversMissing, "kernel \(kernel.version): \(path) lacks \(names)"))
        }
        if !addition.addedFiles.isEmpty { for binding in bindings { editor.mend(binding.obstacle) } }
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
