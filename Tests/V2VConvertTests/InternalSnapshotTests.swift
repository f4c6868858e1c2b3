import Foundation
import TestSupport
import Testing
import V2VConvert

/// States of the disk that a qcow2 image keeps inside, judged by qemu-img.
@Suite struct InternalSnapshotTests {
    let directory: TemporaryDirectory
    let image: String

    init() throws {
        directory = try TemporaryDirectory()
        image = directory.file("image.qcow2")
    }

    /// An image with three snapshots: `early` (id 1), one whose name is the first one's id (id 2), and `late` (id 3).
    private func makeImage(_ options: String, hasBacking: Bool) throws {
        let raw = try directory.write(DiskContent.mixed.bytes(), to: "disk.raw")
        if hasBacking {
            try Tool.check(
                "qemu-img",
                ["create", "-q", "-f", "qcow2", "-o", options, "-b", "disk.raw", "-F", "raw", image])
        } else {
            try QEMU.convert(raw, to: image, format: "qcow2", options: options, compress: options.contains("zstd"))
        }
        for (index, name) in ["early", "1", "late"].enumerated() {
            try scribble(seed: index + 1)
            try Tool.check("qemu-img", ["snapshot", "-c", name, image])
        }
        try scribble(seed: 5)
    }

    private func scribble(seed: Int) throws {
        try Tool.check(
            "qemu-io",
            [
                "-f", "qcow2", "-c", "write -P \(seed) \(seed * 700_416) 200704", "-c",
                "write -z \(seed * 1_048_576) 131072", "-c", "write -P \(seed + 100) 4194304 512", image,
            ])
    }

    /// The state of snapshot `id`, as QEMU restores it.
    private func restored(_ id: String) throws -> String {
        let copy = directory.file("copy.qcow2")
        try Tool.check("cp", [image, copy])
        try Tool.check("qemu-img", ["snapshot", "-a", id, copy])
        let expected = directory.file("expected.raw")
        try Tool.check("qemu-img", ["convert", "-O", "raw", copy, expected])
        return expected
    }

    private func convert(_ snapshot: SnapshotSelector?) async throws -> String {
        var converter = Converter(
            source: DiskImageSource(path: image), target: DiskImageTarget(path: directory.file("out.qcow2")))
        converter.source.snapshot = snapshot
        converter.target.existing = .replace
        try await converter.convert()
        return directory.file("out.qcow2")
    }

    @Test(arguments: ["compat=0.10", "cluster_size=512", "extended_l2=on", "compression_type=zstd"], [false, true])
    func everyStateIsRead(options: String, hasBacking: Bool) async throws {
        try makeImage(options, hasBacking: hasBacking)
        for (selector, id) in [
            (SnapshotSelector.idOrName("early"), "1"), (.idOrName("1"), "1"), (.idOrName("2"), "2"),
            (.matching(id: nil, name: "1"), "2"), (.matching(id: "3", name: "late"), "3"),
        ] {
            try QEMU.requireIdentical(try restored(id), try await convert(selector), format: "qcow2")
        }
        let current = directory.file("current.raw")
        try Tool.check("qemu-img", ["convert", "-O", "raw", image, current])
        try QEMU.requireIdentical(current, try await convert(nil), format: "qcow2")
    }

    /// A snapshot has its own size: qemu-img's `convert -l` takes the current one and reads zeros behind it, or loses its
    /// end; only restoring it tells.
    @Test(arguments: ["17M", "5M"])
    func aSnapshotKeepsTheSizeOfItsTime(size: String) async throws {
        try makeImage("compat=1.1", hasBacking: false)
        try Tool.check("qemu-img", ["resize", "--shrink", image, size])
        try QEMU.requireIdentical(try restored("2"), try await convert(.idOrName("2")), format: "qcow2")
    }

    @Test(arguments: [
        SnapshotSelector.idOrName("none"), .matching(id: "1", name: "late"), .matching(id: "early", name: nil),
    ])
    func anUnknownSnapshotIsRefused(selector: SnapshotSelector) async throws {
        try makeImage("compat=1.1", hasBacking: false)
        let error = await #expect(throws: ImageError.self) { try await convert(selector) }
        #expect(error?.code == .invalidOption && error?.advice?.contains("3 (late)") == true)
        #expect(!directory.names.contains("out.qcow2"))
    }

    @Test func formatsWithoutSnapshotsSaySo() async throws {
        let raw = try directory.write(DiskContent.mixed.bytes(), to: "disk.raw")
        for (format, path) in [("raw", raw), ("vmdk", directory.file("image.vmdk"))] {
            if format != "raw" { try QEMU.convert(raw, to: path, format: format) }
            var converter = Converter(
                source: DiskImageSource(path: path), target: DiskImageTarget(path: directory.file("out.raw")))
            converter.source.snapshot = .idOrName("1")
            let error = await #expect(throws: ImageError.self) { try await converter.convert() }
            #expect(error?.code == .invalidOption && error?.message.contains(format) == true)
        }
    }

    /// A saved machine lies above the disk in the snapshot's L1 table.
    @Test(.enabled(if: Capabilities.has("qemu-system-x86_64"), "needs qemu-system-x86_64"))
    func theStateOfTheMachineIsNotPartOfTheDisk() async throws {
        try makeImage("compat=1.1", hasBacking: false)
        let machine = "qemu-system-x86_64 -nodefaults -display none -S -m 8 -monitor stdio -accel tcg -drive"
        let command = "printf 'savevm running\\nquit\\n' | \(machine) if=ide,format=qcow2,file='\(image)'"
        try Tool.check("sh", ["-c", command])
        let snapshots = try DiskImageSource(path: image).info().snapshots
        #expect(snapshots.last?.name == "running" && snapshots.last?.vmStateSize ?? 0 > 100_000)
        try QEMU.requireIdentical(try restored("4"), try await convert(.idOrName("running")), format: "qcow2")
    }
}
