import Foundation
import TestSupport
import Testing

/// `map` prints what `qemu-img map` prints, character for character.
@Suite struct MapCommandTests {
    let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    @Test(arguments: [
        ("raw", ""), ("vdi", ""), ("vdi", "static=on"), ("vpc", ""), ("vpc", "subformat=fixed"), ("vmdk", ""),
        ("vmdk", "zeroed_grain=on"),
        ("vmdk", "subformat=monolithicFlat"), ("vmdk", "subformat=streamOptimized"),
        ("vmdk", "subformat=twoGbMaxExtentSparse"), ("qcow2", ""), ("qcow2", "cluster_size=512"),
        ("qcow2", "cluster_size=2M"), ("qcow2", "compat=0.10"), ("qcow2", "extended_l2=on"),
        ("qcow2", "preallocation=metadata"), ("qcow2", "preallocation=falloc"),
    ])
    func ofEveryFormat(format: String, options: String) throws {
        for content in [DiskContent.mixed, DiskContent.all[4]] {
            let raw = try directory.write(content.bytes(), to: "disk.raw")
            let image = directory.file("image." + format)
            try QEMU.convert(raw, to: image, format: format, options: options)
            try requireSameMap(image, ["-f", format])
        }
    }

    @Test(arguments: ["raw", "qcow2", "vdi"])
    func ofADiskOfNoBytes(format: String) throws {
        let image = directory.file("image")
        try Tool.check("qemu-img", ["create", "-q", "-f", format, image, "0"])
        try requireSameMap(image, ["-f", format])
    }

    @Test func ofARawDiskThatEndsInsideASector() throws {
        try requireSameMap(try directory.write([UInt8](repeating: 7, count: 9000), to: "odd.raw"))
        try Tool.check("truncate", ["-s", "1000000", directory.file("odd.raw")])
        try requireSameMap(directory.file("odd.raw"), ["-f", "raw"])
    }

    /// Plain, compressed, zeroed with and without a cluster that is kept, absent; in three layers of different sizes.
    @Test(arguments: ["", "compat=0.10", "extended_l2=on", "cluster_size=4k", "data_file=DATA"])
    func ofAllKindsOfClustersInAChain(options: String) throws {
        let options = options.replacingOccurrences(of: "DATA", with: directory.file("data"))
        let base = directory.file("base.vmdk")
        try QEMU.convert(
            try directory.write(DiskContent.mixed.bytes(), to: "raw"), to: base, format: "vmdk")
        let middle = directory.file("middle.qcow2")
        try create(middle, over: base, "vmdk", options, size: "6M")
        var writes = [
            "write -P 1 0 128k", "write -P 2 256k 64k", "write -z 256k 64k", "write -z 512k 128k", "discard 64k 64k",
            "write -P 4 1001k 3k", "write -z 1300k 2k",
        ]
        if !options.contains("data_file") { writes.append("write -c -P 3 1M 64k") }
        try write(writes, to: middle)
        try requireSameMap(middle)
        let top = directory.file("top.qcow2")
        try create(top, over: middle, "qcow2", "", size: "11M")
        try write(["write -P 5 128k 64k", "write -z 2M 1M", "write -P 6 10M 1k"], to: top)
        try requireSameMap(top)
        for range in [
            ["-s", "100k"], ["-l", "3k"], ["-s", "1M", "-l", "1234567"], ["--start-offset=11M"], ["-l", "0"],
        ] {
            try requireSameMap(top, range)
        }
    }

    @Test func anotherFormatCanBeForced() throws {
        let raw = try directory.write(DiskContent.mixed.bytes(), to: "disk.raw")
        let image = directory.file("image.qcow2")
        try QEMU.convert(raw, to: image, format: "qcow2")
        try requireSameMap(image, ["-f", "raw"])
        #expect(try Tool.run(Tool.converter, ["map", "-f", "vmdk", image]).status == 11)
        #expect(try Tool.run(Tool.converter, ["map", directory.file("none")]).status == 10)
    }

    private func create(_ image: String, over base: String, _ format: String, _ options: String, size: String) throws {
        let options = options.isEmpty ? [] : ["-o", options]
        try Tool.check(
            "qemu-img", ["create", "-q", "-f", "qcow2"] + options + ["-b", base, "-F", format, image, size])
    }

    private func write(_ commands: [String], to image: String) throws {
        try Tool.check("qemu-io", ["-f", "qcow2"] + commands.flatMap { ["-c", $0] } + [image])
    }

    private func requireSameMap(_ image: String, _ options: [String] = []) throws {
        for kind in ["json", "human"] {
            let arguments = ["map", "--output=\(kind)"] + options + [image]
            let theirs = try Tool.run("qemu-img", arguments)
            let ours = try Tool.run(Tool.converter, arguments)
            if ours.output.plainPaths != theirs.output.plainPaths {
                // Storage that was reserved and never written counts as a hole until someone has read it.
                let again = try Tool.run("qemu-img", arguments)
                #expect(ours.output.plainPaths == again.output.plainPaths, "\(arguments)")
            }
            // Compressed clusters have no place that the table could show.
            #expect(ours.status == (theirs.status == 0 ? 0 : 13), "\(arguments): \(ours.error)")
        }
    }
}
