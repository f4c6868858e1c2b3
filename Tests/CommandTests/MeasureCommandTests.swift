import Foundation
import TestSupport
import Testing

/// `measure` beside `qemu-img measure`.
@Suite struct MeasureCommandTests {
    let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    private func measure(_ tool: String, _ arguments: [String]) throws -> [String: Int] {
        let json = try Tool.check(tool, ["measure", "--output=json"] + arguments)
        return try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Int])
    }

    @Test(
        arguments: [
            "cluster_size=64k", "cluster_size=512", "cluster_size=2M", "compat=0.10", "refcount_bits=1",
            "refcount_bits=64", "extended_l2=on", "refcount_bits=64,cluster_size=4k",
        ], ["1000", "1M", "100M", "3000000001"])
    func aFullImageIsAsLargeAsQEMUs(options: String, size: String) throws {
        let arguments = ["-O", "qcow2", "-o", options, "--size", size]
        let ours = try measure(Tool.converter, arguments)
        let theirs = try measure("qemu-img", arguments)
        #expect(ours["fully-allocated"] == theirs["fully-allocated"])
        // QEMU counts tables for the whole disk; ours come with the data.
        #expect(try #require(ours["required"]) <= theirs["required"] ?? 0)
    }

    @Test func whatIsFullNeedsWhatQEMUSays() throws {
        let raw = try directory.write([UInt8](repeating: 1, count: 3 << 20), to: "full.raw")
        for format in ["raw", "qcow2"] {
            let arguments = ["-f", "raw", "-O", format, raw]
            #expect(try measure(Tool.converter, arguments) == measure("qemu-img", arguments))
            let plain = try Tool.check(Tool.converter, ["measure"] + arguments)
            #expect(try plain == Tool.check("qemu-img", ["measure"] + arguments))
        }
    }

    @Test func bitmapsAreCounted() throws {
        let image = directory.file("disk.qcow2")
        try Tool.check("qemu-img", ["create", "-q", "-f", "qcow2", image, "3G"])
        for options in [["-g", "512", "one"], ["a longer name"], ["-g", "1M", "three"]] {
            try Tool.check("qemu-img", ["bitmap", "--add"] + options.dropLast() + [image, options.last ?? ""])
        }
        for form in ["cluster_size=64k", "cluster_size=512", "compat=0.10"] {
            let arguments = ["-O", "qcow2", "-o", form, image]
            #expect(try measure(Tool.converter, arguments)["bitmaps"] == measure("qemu-img", arguments)["bitmaps"])
        }
        #expect(try measure(Tool.converter, [image])["bitmaps"] == nil)
    }

    @Test func snapshotsAndSizesAreMeasured() throws {
        let image = directory.file("disk.qcow2")
        try Tool.check("qemu-img", ["create", "-q", "-f", "qcow2", image, "10M"])
        try Tool.check("qemu-img", ["snapshot", "-c", "empty", image])
        try Tool.check("qemu-io", ["-c", "write -P 1 0 5M", image])
        let now = try measure(Tool.converter, ["-O", "qcow2", image])
        let then = try measure(Tool.converter, ["-O", "qcow2", "-l", "empty", image])
        #expect(now["required"] ?? 0 >= (then["required"] ?? 0) + (5 << 20))
        for arguments in [[], ["--size", "1M", image], ["-O", "nonsense", image], ["-O", "raw", "-c", image]] {
            #expect(try Tool.run(Tool.converter, ["measure"] + arguments).status == 2)
        }
    }

    /// Their files are told without going through the disk, which would take minutes.
    @Test(
        arguments: [
            ("vhdx", "subformat=dynamic", "64T"), ("vhdx", "subformat=fixed", "64T"),
            ("vpc", "subformat=dynamic", "2040G"), ("vpc", "subformat=fixed", "2040G"),
            ("vmdk", "subformat=monolithicFlat", "64T"), ("vmdk", "subformat=twoGbMaxExtentFlat", "64T"),
            ("vmdk", "subformat=monolithicSparse", "2040G"), ("vmdk", "subformat=twoGbMaxExtentSparse", "8T"),
        ])
    func aHugeDiskTakesNoTime(format: String, options: String, size: String) throws {
        let json = try Tool.check(
            Tool.converter, ["measure", "--output=json", "-O", format, "-o", options, "--size", size])
        // Where there are several files they are listed too.
        let huge = try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
        let bytes = (Int(size.dropLast()) ?? 0) << (size.hasSuffix("T") ? 40 : 30)
        #expect(try #require(huge["fully-allocated"] as? Int) >= bytes)
    }

    @Test func aHugeDiskIsAsLargeAsQEMUs() throws {
        let arguments = ["-O", "qcow2", "--size", "8T"]
        let huge = try measure(Tool.converter, arguments)
        #expect(try huge["fully-allocated"] == measure("qemu-img", arguments)["fully-allocated"])
    }
}
