import GuestDisk

/// Makes the archive for a request and a certain initramfs.
struct SegmentBuilder {
    let request: SegmentRequest
    let layout: InitramfsLayout
    /// The modules' directory in the initramfs, without links.
    private let directory: String

    /// Bytes of a module's file. virtio's have less than 200 kB.
    private static let maximumModule = 32 << 20
    /// Bytes of everything, so that a guest can't make us hold more.
    private static let maximumLength = 64 << 20

    init(_ request: SegmentRequest, _ layout: InitramfsLayout) throws(GuestError) {
        let kernel = request.kernel
        guard !kernel.isEmpty, kernel != ".", kernel != "..", kernel.utf8.count < 256,
            !kernel.utf8.contains(UInt8(ascii: "/"))
        else { throw GuestError(.damaged, "“\(kernel)” is no version of a kernel") }
        self.request = request
        self.layout = layout
        let candidates = ["lib/modules/\(kernel)", "usr/lib/modules/\(kernel)"].compactMap(layout.resolve)
        guard
            let directory = candidates.first(where: layout.isDirectory)
                ?? candidates.first(where: { path in
                    path.split(separator: "/").count > 2 && layout.isDirectory(path.parent)
                }) ?? candidates.first
        else { throw GuestError(.damaged, "links in the initramfs lead in circles") }
        self.directory = directory
    }

    func build() throws(GuestError) -> InitramfsAddition {
        let index = try ModuleIndex(request.tree, kernel: request.kernel)
        var selection = index.select(request.modules + request.optionalModules)
        selection.presence.removeLast(request.optionalModules.count)
        let existing = ExistingModules(layout, directory: directory)
        let lacking = selection.files.filter { existing.path(of: ModuleName($0)) == nil }

        var content = SegmentContent(layout: layout, limit: Self.maximumLength)
        for file in lacking {
            guard let bytes = try request.tree.content(of: file, limit: Self.maximumModule) else {
                throw GuestError(.notFound, "the kernel's index names the module \(file), which is not there")
            }
            try content.add(InitramfsFile(path: "\(directory)/\(file)", content: bytes))
        }
        for file in request.files { try content.add(file) }
        guard !content.isEmpty else {
            return InitramfsAddition(modules: selection, addedModules: [], addedFiles: [])
        }
        var small = content
        if !lacking.isEmpty {
            try addLinks(existing.moved(from: index), to: &content)
            small = content
            try addIndexes(ModuleIndexFiles.essential, to: &small)
            try addIndexes(ModuleIndexFiles.essential + ModuleIndexFiles.other, to: &content)
            for (text, binary) in ModuleIndexFiles.texts where !content.contains("\(directory)/\(binary)") {
                try addIndexes([text], to: &content)
                try addIndexes([text], to: &small)
            }
        }
        // Both are known by the same: a second run must not depend on how much room there was in the first.
        let marker = SegmentMarker(of: content.archive(marker: nil))
        return InitramfsAddition(
            modules: selection, addedModules: lacking, addedFiles: request.files.map(\.path),
            archive: content.archive(marker: marker), smallArchive: small.archive(marker: marker), marker: marker)
    }

    private func addIndexes(_ names: [String], to content: inout SegmentContent) throws(GuestError) {
        for name in names {
            guard let bytes = try request.tree.content(of: name, limit: ModuleIndex.maximumLength) else { continue }
            try content.add(InitramfsFile(path: "\(directory)/\(name)", content: bytes))
        }
    }

    /// The complete indexes say where modules are in the guest's root. Tools that unpack modules, or put them
    /// elsewhere, when they build an initramfs, leave them in it under other names: links lead there. (libkmod tells a
    /// compressed module by its content, not by its name.)
    private func addLinks(
        _ moved: [(indexed: String, actual: String)], to content: inout SegmentContent
    ) throws(GuestError) {
        for module in moved {
            try content.add(link: "\(directory)/\(module.indexed)", to: "/\(directory)/\(module.actual)")
        }
    }
}

extension String {
    /// The path of the directory that has the file at this path; empty at the top.
    var parent: String {
        lastIndex(of: "/").map { String(self[..<$0]) } ?? ""
    }
}
