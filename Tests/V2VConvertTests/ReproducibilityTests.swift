import TestSupport
import Testing
import V2VConvert

/// The bytes of an output depend on content and options only.
@Suite struct ReproducibilityTests {
    @Test(
        arguments: TargetVariant.main
            + TargetVariant.special.filter { variant in
                ["refcount 8", "extended_l2 cluster 65536", "window 4k level 1"].contains { variant.name.contains($0) }
            })
    func workersAndKindOfIODoNotMatter(variant: TargetVariant) async throws {
        let directory = try TemporaryDirectory()
        let content = [UInt8](joining: [.mixed] + DiskContent.all, times: 3)
        let raw = try directory.write(content, to: "raw")
        let source = directory.file("in.vmdk")
        try QEMU.convert(raw, to: source, format: "vmdk", options: "subformat=streamOptimized")

        var outputs: Set<[UInt8]> = []
        for (workers, io, direct) in [
            (1, Converter.IOMode.automatic, true), (2, .automatic, true), (8, .automatic, true), (8, .automatic, false),
            (1, .sync, true), (8, .sync, true), (8, .automatic, true),
        ] {
            let output = directory.file("out")
            var converter = Converter(source: DiskImageSource(path: source), target: variant.target(path: output))
            converter.target.existing = .replace
            converter.workers = workers
            converter.io = io
            converter.usesDirectIO = direct
            try await converter.convert()
            outputs.insert(try contents(of: output))
        }
        #expect(outputs.count == 1)
        // The raw input has the same content as the VMDK, so the output is the same too.
        let output = directory.file("from-raw")
        try await Converter(source: DiskImageSource(path: raw), target: variant.target(path: output)).convert()
        outputs.insert(try contents(of: output))
        #expect(outputs.count == 1)
        try QEMU.requireIdentical(raw, output, format: variant.format.name.rawValue)
    }
}

extension [UInt8] {
    init(joining contents: [DiskContent], times: Int) {
        self = (0..<times).flatMap { _ in contents.flatMap { $0.bytes() } }
    }
}
