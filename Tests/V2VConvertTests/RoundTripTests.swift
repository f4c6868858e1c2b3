import TestSupport
import Testing
import V2VConvert

/// From every format to every other and back the content stays what it is.
@Suite struct RoundTripTests {
    /// One of each kind that has tables of its own.
    private static let forms: [TargetVariant] = (TargetVariant.main + TargetVariant.vmdk + TargetVariant.vhd).filter {
        [
            "raw", "qcow2", "qcow2 -c zstd", "vmdk monolithicSparse", "vmdk twoGbMaxExtentFlat", "vmdk streamOptimized",
            "vhd dynamic", "vhd fixed", "vhdx dynamic", "vhdx block 1048576",
        ].contains($0.name)
    }

    @Test(arguments: forms)
    func fromRawAndBack(form: TargetVariant) async throws {
        for content in DiskContent.all {
            let directory = try TemporaryDirectory()
            let raw = try directory.write(content.bytes(), to: "raw")
            try await convert(raw, to: form, at: directory.file("image"))
            try await requireContent(content, directory.file("image"), form, in: directory)
        }
    }

    @Test(arguments: forms.filter { $0.format.name != .raw })
    func fromEachToEachOther(first: TargetVariant) async throws {
        let directory = try TemporaryDirectory()
        let content = DiskContent.all[4]
        let raw = try directory.write(content.bytes(), to: "raw")
        try await convert(raw, to: first, at: directory.file("first"))
        for second in Self.forms where second.name != first.name && second.format.name != .raw {
            try await convert(directory.file("first"), first.format.name, to: second, at: directory.file("second"))
            try await requireContent(content, directory.file("second"), second, in: directory)
        }
    }

    private func convert(
        _ source: String, _ format: ImageFormat = .raw, to form: TargetVariant, at path: String
    ) async throws {
        var target = form.target(path: path)
        target.existing = .replace
        try await Converter(source: DiskImageSource(path: source, format: format), target: target).convert()
    }

    private func requireContent(
        _ content: DiskContent, _ path: String, _ form: TargetVariant, in directory: TemporaryDirectory
    ) async throws {
        let raw = TargetVariant(name: "raw", format: .raw(.init()))
        try await convert(path, form.format.name, to: raw, at: directory.file("back"))
        #expect(try contents(of: directory.file("back")) == content.bytes(), "\(form.name), \(content.name)")
    }
}
