import Foundation
import TestSupport
import Testing

/// `compare` says what `qemu-img compare` says, in its words and with its exit statuses.
@Suite struct CompareCommandTests {
    let directory: TemporaryDirectory
    let raw: String

    init() throws {
        directory = try TemporaryDirectory()
        raw = try directory.write(DiskContent.mixed.bytes(), to: "disk.raw")
    }

    @Test(arguments: [
        ("raw", "", false), ("vmdk", "", false), ("vmdk", "subformat=monolithicFlat", false),
        ("vmdk", "subformat=streamOptimized", false), ("vdi", "", false), ("qcow2", "cluster_size=4k", false),
        ("qcow2", "", true), ("qcow2", "compression_type=zstd,cluster_size=2M", true),
    ])
    func acrossFormats(format: String, options: String, compress: Bool) throws {
        let image = directory.file("image." + format)
        try QEMU.convert(raw, to: image, format: format, options: options, compress: compress)
        for arguments in [[raw, image], [image, raw], ["-f", format, "-F", "raw", image, raw], ["-q", raw, image]] {
            #expect(try compare(arguments) == 0)
        }
        // One bit, at the ends, in the middle, in a hole.
        for position in [0, 9436671, 5_000_000, 3 << 20] {
            var bytes = DiskContent.mixed.bytes()
            bytes[position] ^= 0x10
            let changed = try directory.write(bytes, to: "changed.raw")
            for arguments in [[changed, image], [image, changed], ["-q", changed, image]] {
                #expect(try compare(arguments) == 1)
            }
        }
    }

    @Test func zerosBehindTheSmallerDiskAreNoDifference() throws {
        let larger = directory.file("larger.qcow2")
        try QEMU.convert(raw, to: larger, format: "qcow2")
        try Tool.check("qemu-img", ["resize", "-q", larger, "12M"])
        for arguments in [[raw, larger], [larger, raw]] {
            #expect(try compare(arguments) == 0)
            // Disks of different sizes are different before anything else is.
            #expect(try compare(["-s"] + arguments) == 1)
        }
        try Tool.check("qemu-io", ["-c", "write -P 7 11M 512", larger])
        #expect(try compare([larger, raw]) == 1)
        #expect(try compare([raw, larger]) == 1)
        // The size counts in sectors: half a sector is filled with zeros.
        let odd = try directory.write([UInt8](repeating: 7, count: 1000), to: "odd.raw")
        let even = directory.file("even.vdi")
        try QEMU.convert(odd, to: even, format: "vdi")
        #expect(try compare(["-f", "raw", odd, even]) == 0)
    }

    @Test func theStrictModeLooksAtAllocation() throws {
        let image = directory.file("image.qcow2")
        try QEMU.convert(raw, to: image, format: "qcow2")
        let copy = directory.file("copy.qcow2")
        try Tool.check("cp", ["--sparse=never", image, copy])
        #expect(try compare(["-s", image, copy]) == 0)
        // QEMU's own flags differ from format to format, so it finds the difference earlier.
        #expect(try Tool.run(Tool.converter, ["compare", "-s", raw, image]).status == 1)
        try Tool.check("qemu-io", ["-c", "write -z 3M 64k", copy])
        #expect(try compare(["-s", image, copy]) == 1)
        try Tool.check("qemu-io", ["-c", "write -P 5 1M 1k", copy])
        #expect(try compare(["-s", image, copy]) == 1)
    }

    @Test func theFirstOfManyDifferencesIsReported() throws {
        // Both disks are all data and differ in every 2 MiB from the third on, so every thread finds something at once.
        let size = 48 << 20
        let one = [UInt8](repeating: 1, count: size)
        var other = one
        for start in stride(from: 5 << 20, to: size, by: 1 << 20) { other[start + 777] = 2 }
        let first = try directory.write(one, to: "one.raw")
        let second = try directory.write(other, to: "other.raw")
        for _ in 0..<8 {
            let result = try Tool.run(Tool.converter, ["compare", first, second])
            #expect(result.output == "Content mismatch at offset \((5 << 20) + 512)!\n" && result.status == 1)
        }
    }

    @Test func damageCountsOnlyBeforeTheFirstDifference() throws {
        let damaged = directory.file("damaged.qcow2")
        try writeDamaged(damaged)
        var bytes = [UInt8](repeating: 1, count: 4 << 20) + [UInt8](repeating: 3, count: 4 << 20)
        let same = try directory.write(bytes, to: "same.raw")
        #expect(try Tool.run(Tool.converter, ["compare", same, damaged]).status == 12)
        bytes[100] ^= 1
        let different = try directory.write(bytes, to: "different.raw")
        #expect(try Tool.run(Tool.converter, ["compare", different, damaged]).status == 1)
    }

    /// A disk of 8 MiB: ones, then a cluster at 4 MiB that can't be inflated.
    private func writeDamaged(_ path: String) throws {
        try Tool.check("qemu-img", ["create", "-q", "-f", "qcow2", path, "8M"])
        try Tool.check("qemu-io", ["-c", "write -P 1 0 4M", "-c", "write -c -P 3 4M 64k", path])
        var bytes = try contents(of: path)
        bytes.replaceSubrange((bytes.count - 30)..., with: [UInt8](repeating: 0xFF, count: 30))
        try Tool.write(bytes, to: path)
    }

    @Test func whatTwoImagesShareIsNotRead() throws {
        let base = directory.file("base.qcow2")
        // A cluster of it can't be read.
        try writeDamaged(base)
        let overlays = try ["one", "two"].map { name in
            let overlay = directory.file(name + ".qcow2")
            try Tool.check("qemu-img", ["create", "-q", "-f", "qcow2", "-b", base, "-F", "qcow2", overlay])
            try Tool.check("qemu-io", ["-c", "write -P 7 1M 64k", overlay])
            return overlay
        }
        #expect(try Tool.run(Tool.converter, ["compare"] + overlays).status == 0)
        #expect(try Tool.run("qemu-img", ["compare"] + overlays).status > 1)
        try Tool.check("qemu-io", ["-c", "write -P 8 1M 1", overlays[0]])
        #expect(try Tool.run(Tool.converter, ["compare"] + overlays).status == 1)
    }

    @Test func hugeHolesTakeNoTimeAndLittleMemory() throws {
        let one = directory.file("one.qcow2")
        let other = directory.file("other.vmdk")
        try Tool.check("qemu-img", ["create", "-q", "-f", "qcow2", one, "2T"])
        try Tool.check("qemu-img", ["create", "-q", "-f", "vmdk", other, "2T"])
        for image in [one, other] { try Tool.check("qemu-io", ["-c", "write -P 9 1T 1M", image]) }
        let (result, memory, time) = try Tool.measure(["compare", one, other])
        #expect(result.status == 0, "\(result.error)")
        #expect(memory < 64 << 10 && time < 10)
    }

    @Test func failuresAreNeverMistakenForDifferences() throws {
        let garbage = try directory.write([0x51, 0x46, 0x49, 0xFB], to: "garbage")
        for (arguments, status) in [
            ([raw], 2), ([raw, raw, raw], 2), (["-x", raw, raw], 2), ([raw, directory.file("none")], 10),
            (["-f", "vmdk", raw, raw], 11), (["-f", "nonsense", raw, raw], 2), ([garbage, raw], 12),
            ([raw, directory.path], 10),
        ] as [([String], Int32)] {
            let result = try Tool.run(Tool.converter, ["compare"] + arguments)
            #expect(result.status == status, "\(arguments): \(result.error)")
            #expect(try Tool.run("qemu-img", ["compare"] + arguments).status >= 1 && result.output.isEmpty)
        }
    }

    /// The status, after checking that both tools agree on it and on every word.
    private func compare(_ arguments: [String]) throws -> Int32 {
        let ours = try Tool.run(Tool.converter, ["compare"] + arguments)
        let theirs = try Tool.run("qemu-img", ["compare"] + arguments)
        let isSame = ours.output == theirs.output && ours.status == theirs.status
        #expect(isSame, "\(arguments): \(ours.output)\(ours.error)\(theirs.output)")
        return ours.status
    }
}
