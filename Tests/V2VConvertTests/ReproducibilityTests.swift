import TestSupport
import Testing
import V2VConvert

/// The bytes of an output depend on content and options only (and, where VMDK's descriptors have it, on the name).
@Suite struct ReproducibilityTests {
    @Test(
        arguments: TargetVariant.main
            + TargetVariant.special.filter { variant in
                ["refcount 8", "extended_l2 cluster 65536", "window 4k level 1", "preallocation metadata"].contains {
                    variant.name.contains($0)
                }
            } + TargetVariant.vmdk.filter { $0.level == nil && $0.minimumZeroRun == nil }
            + TargetVariant.vhd.filter { ["vhd dynamic", "vhd fixed", "vhdx dynamic"].contains($0.name) })
    func workersAndKindOfIODoNotMatter(variant: TargetVariant) async throws {
        let directory = try TemporaryDirectory()
        let content = [UInt8](joining: [.mixed] + DiskContent.all, times: 3)
        let raw = try directory.write(content, to: "raw")
        let source = directory.file("in.vmdk")
        try QEMU.convert(raw, to: source, format: "vmdk", options: "subformat=streamOptimized")

        var outputs: Set<String> = []
        func convert(_ source: String, change: (inout Converter) -> Void = { _ in }) async throws {
            let place = try TemporaryDirectory()
            var converter = Converter(
                source: DiskImageSource(path: source), target: variant.target(path: place.file("out")))
            change(&converter)
            try await converter.convert()
            try QEMU.requireIdentical(raw, place.file("out"), format: variant.format.name.rawValue)
            outputs.insert(try Tool.check("sh", ["-c", "cd \"$1\" && sha256sum -- *", "sh", place.path]))
        }
        for (workers, io, direct, depth) in [
            (1, Converter.IOMode.automatic, true, nil), (2, .automatic, true, 16), (8, .automatic, true, nil),
            (8, .automatic, false, 1), (1, .sync, true, nil), (8, .sync, true, nil), (8, .automatic, true, nil),
        ] {
            try await convert(source) {
                $0.workers = workers
                $0.io = io
                $0.usesDirectIO = direct
                $0.queueDepth = depth
            }
        }
        #expect(outputs.count == 1)
        // The raw input has the same content as the VMDK, so the output is the same too.
        try await convert(raw)
        #expect(outputs.count == 1)
    }
}

extension [UInt8] {
    init(joining contents: [DiskContent], times: Int) {
        self = (0..<times).flatMap { _ in contents.flatMap { $0.bytes() } }
    }
}
