import TestSupport
import Testing
import V2VConvert

/// Conversions judged by qemu-img: identical content, no errors, no leaks.
@Suite struct DifferentialTests {
    @Test(arguments: SourceVariant.all)
    func mainMatrix(source: SourceVariant) async throws {
        // Every content for one of each kind of source; for the other cluster sizes what has gaps and odd ends.
        let isUsual = SourceVariant.few.contains { $0.name == source.name }
        for content in isUsual ? DiskContent.all : [.mixed, DiskContent.all[5]] {
            try await convert(source, content, to: TargetVariant.main, in: try TemporaryDirectory())
        }
    }

    @Test(arguments: TargetVariant.special + TargetVariant.vmdk + TargetVariant.vhd)
    func everyOption(target: TargetVariant) async throws {
        for content in DiskContent.all where target.canBeJudged(content) {
            try await convert(.raw, content, to: [target], in: try TemporaryDirectory())
        }
    }

    @Test(arguments: SourceVariant.few)
    func onTmpfs(source: SourceVariant) async throws {
        let directory = try TemporaryDirectory(in: "/dev/shm")
        try await convert(source, .mixed, to: TargetVariant.main, in: directory)
    }

    @Test(.enabled(if: Capabilities.canMount, "needs root and loop devices"))
    func onXFS() async throws {
        let mount = try LoopMount(filesystem: "xfs", size: 400 << 20)
        for source in SourceVariant.few {
            let directory = try TemporaryDirectory(in: mount.path)
            for content in [DiskContent.mixed, DiskContent.all[6]] {
                try await convert(source, content, to: TargetVariant.main, in: directory)
            }
        }
    }

    /// qemu-img can't write a smaller or larger grain, and VMware's version 1 and trailing bytes are common.
    @Test(arguments: [8, 16, 64, 128, 1024])
    func streamsWithOtherGrains(grain: Int) async throws {
        let directory = try TemporaryDirectory()
        let bytes = DiskContent.mixed.bytes()
        let raw = try directory.write(bytes, to: "raw")
        var builder = VMDKStreamBuilder { (try? deflated($0, windowBits: 15)) ?? [] }
        builder.grainSectors = grain
        builder.version = grain == 8 ? 1 : 3
        builder.trailer = grain == 16 ? [UInt8](repeating: 0, count: 70000) : []
        let path = try directory.write(builder.image(of: bytes), to: "in.vmdk")
        try await convert(path, raw, to: TargetVariant.main, in: directory)
    }

    /// VirtualBox stores the last grain whole although the disk ends in it.
    @Test(arguments: [true, false])
    func theLastGrainOfAStreamMayBeStoredWhole(isWhole: Bool) async throws {
        let directory = try TemporaryDirectory()
        let bytes = DiskContent.mixed.bytes()
        let raw = try directory.write(bytes, to: "raw")
        var builder = VMDKStreamBuilder { (try? deflated($0, windowBits: 15)) ?? [] }
        builder.storesLastGrainWhole = isWhole
        let path = try directory.write(builder.image(of: bytes), to: "in.vmdk")
        try await convert(path, raw, to: TargetVariant.main, in: directory)
    }

    /// Compressed clusters in descending order with gaps: nothing can be read in one go.
    @Test(arguments: ["4k", "64k"])
    func fragmentedCompressedClusters(size: String) async throws {
        let directory = try TemporaryDirectory()
        let image = directory.file("in.qcow2")
        try Tool.check("qemu-img", ["create", "-q", "-f", "qcow2", "-o", "cluster_size=\(size)", image, "8M"])
        let bytes = size == "4k" ? 4096 : 65536
        let count = (8 << 20) / bytes
        var commands: [String] = []
        for step in 0..<7 {
            for index in stride(from: step, to: count, by: 7).reversed() {
                commands += ["-c", "write -q -c -P \(index % 251 + 1) \(index * bytes) \(bytes)"]
            }
        }
        try Tool.check("qemu-io", ["-f", "qcow2"] + commands + [image])
        let raw = directory.file("raw")
        try Tool.check("qemu-img", ["convert", "-O", "raw", image, raw])
        try await convert(image, raw, to: TargetVariant.main, in: directory)
    }

    private func convert(
        _ source: SourceVariant, _ content: DiskContent, to targets: [TargetVariant], in directory: TemporaryDirectory
    ) async throws {
        let raw = try directory.write(content.bytes(), to: "raw")
        let path = directory.file("in." + source.format)
        try source.make(raw, path)
        try await convert(path, raw, to: targets, in: directory)
    }

    private func convert(
        _ path: String, _ raw: String, to targets: [TargetVariant], in directory: TemporaryDirectory
    ) async throws {
        for target in targets {
            let output = directory.file("out")
            var converter = Converter(source: DiskImageSource(path: path), target: target.target(path: output))
            converter.target.existing = .replace
            do {
                try await converter.convert()
                try QEMU.requireIdentical(raw, output, format: target.format.name.rawValue)
                // qemu-img can't check what has no tables, and not VHD.
                if ![.raw, .vpc].contains(target.format.name) {
                    try QEMU.requireClean(output, format: target.format.name.rawValue)
                }
            } catch {
                Issue.record("\(path) of \(try contents(of: raw).count) bytes → \(target.name): \(error)")
            }
            #expect(!directory.names.contains { $0.hasSuffix(".partial") })
        }
    }
}
