import Foundation
import TestSupport
import Testing

/// `create` beside `qemu-img create`.
@Suite struct CreateCommandTests {
    let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    private func create(_ arguments: [String]) throws -> Tool.Result {
        try Tool.run(Tool.converter, ["create"] + arguments)
    }

    @Test(
        arguments: [
            "cluster_size=0x10000", "cluster_size=512", "cluster_size=2M", "compat=0.10", "refcount_bits=1",
            "refcount_bits=64", "extended_l2=on", "lazy_refcounts=on", "compression_type=zstd",
            "preallocation=metadata", "preallocation=falloc", "preallocation=full,cluster_size=4k",
        ], ["0", "5000000"])
    func qcow2SaysWhatQEMUSays(options: String, size: String) throws {
        let ours = directory.file("ours.qcow2")
        let result = try create(["-f", "qcow2", "-o", options, ours, size])
        try QEMU.requireClean(ours)
        let theirs = directory.file("theirs.qcow2")
        let said = try Tool.check("qemu-img", ["create", "-f", "qcow2", "-o", options, theirs, size])
        #expect(result.status == 0 && said.plainPaths.replacing("theirs", with: "ours") == result.output.plainPaths)
        let verdict = try Tool.check("qemu-img", ["compare", theirs, ours])
        #expect(verdict == "Images are identical.\n")
        let infos = try [ours, theirs].map { path in
            try Tool.check("qemu-img", ["info", path]).split(separator: "\n").filter {
                !$0.hasPrefix("image:") && !$0.hasPrefix("disk size:")
            }
        }
        #expect(infos[0] == infos[1])
        if size != "0", options.contains("falloc") || options.contains("full") {
            #expect(try #require(Int(try Tool.check("stat", ["-c", "%b", ours]).dropLast())) * 512 >= 5_000_000)
        }
    }

    @Test(
        arguments: [
            "monolithicSparse", "monolithicFlat", "twoGbMaxExtentSparse", "twoGbMaxExtentFlat", "streamOptimized",
        ])
    func vmdkIsReadByQEMU(subformat: String) throws {
        let path = directory.file("disk.vmdk")
        #expect(try create(["-q", "-o", "subformat=\(subformat)", path, "3G"]).output.isEmpty)
        let info = try Tool.check("qemu-img", ["info", path])
        #expect(info.contains("(3221225472 bytes)") && info.contains("create type: \(subformat)"))
        let empty = directory.file("empty.raw")
        try Tool.check("truncate", ["-s", "3G", empty])
        try QEMU.requireIdentical(empty, path, format: "vmdk")
    }

    @Test(arguments: ["vpc", "vhdx"], ["dynamic", "fixed"])
    func vhdIsReadByQEMU(format: String, subformat: String) throws {
        let path = directory.file("disk.vhd")
        #expect(try create(["-q", "-f", format, "-o", "subformat=\(subformat)", path, "40M"]).output.isEmpty)
        let empty = try directory.write([], to: "empty.raw")
        try Tool.check("truncate", ["-s", "40M", empty])
        #expect(try QEMU.areIdentical(empty, path, format: format))
    }

    @Test(arguments: ["off", "falloc", "full"])
    func rawIsAsLongAsItShouldBe(preallocation: String) throws {
        let path = directory.file("disk.raw")
        let result = try create(["-o", "preallocation=\(preallocation)", path, "1000000"])
        #expect(result.status == 0 && fileSize(path) == 1_000_448)
        let stored = try #require(Int(try Tool.check("stat", ["-c", "%b", path]).dropLast())) * 512
        #expect(preallocation == "off" ? stored == 0 : stored >= 1_000_448)
    }

    @Test func theSizeIsTheBackingFiles() throws {
        let content = DiskContent.mixed.bytes()
        let base = try directory.write(content, to: "base.raw")
        let image = directory.file("disk.qcow2")
        for extra in [[], ["-o", "compat=0.10"], ["-o", "extended_l2=on,preallocation=metadata"]] {
            #expect(try create(["--force", "-b", "base.raw", "-F", "raw"] + extra + [image]).status == 0)
            try QEMU.requireClean(image)
            try QEMU.requireIdentical(base, image, format: "qcow2")
        }
        #expect(try create(["--force", "-b", "base.raw", image]).status == 2)
        #expect(try create(["--force", "-b", "none.qcow2", image]).status == 10)
        #expect(try create(["--force", "-u", "-b", "none.qcow2", "-F", "qcow2", image]).status == 2)
        #expect(try create(["--force", "-u", "-b", "none.qcow2", "-F", "qcow2", image, "1G"]).status == 0)
        #expect(try create(["--force", "-u", "-b", "none", "-F", "nonsense", image, "1G"]).status == 2)
        // A format that only QEMU reads.
        #expect(try create(["--force", "-u", "-b", "none", "-F", "qed", image, "1G"]).status == 0)
        #expect(try Tool.check("qemu-img", ["info", image]).contains("backing file format: qed\n"))
    }

    @Test func anImageIsNotItsOwnBackingFile() throws {
        let image = directory.file("disk.qcow2")
        let own = ["--force", "-u", "-b", "disk.qcow2", "-F", "qcow2", image, "1M"]
        #expect(try create(own).status == 2 && directory.names.isEmpty)
        #expect(try create([image, "1M"]).status == 0)
        let before = try contents(of: image)
        try FileManager.default.createSymbolicLink(atPath: directory.file("link.qcow2"), withDestinationPath: image)
        for name in ["disk.qcow2", "link.qcow2", image] {
            #expect(try create(["--force", "-u", "-b", name, "-F", "qcow2", image, "1M"]).status == 2)
            let rebase = ["rebase", "-u", "-b", name, "-F", "qcow2", image]
            #expect(try Tool.run(Tool.converter, rebase).status == 2)
        }
        #expect(try contents(of: image) == before)
    }

    @Test func nothingIsReplacedUnasked() throws {
        let path = try directory.write([1, 2, 3], to: "disk.qcow2")
        #expect(try create([path, "1M"]).status == 20)
        #expect(try contents(of: path) == [1, 2, 3] && directory.names == ["disk.qcow2"])
        #expect(try create(["--force", path, "1M"]).status == 0)
        try QEMU.requireClean(path)
        #expect(try create([directory.file("disk"), "1M"]).status == 2)
        #expect(try create([directory.file("new.qcow2")]).status == 2)
        #expect(try create([directory.file("new.qcow2"), "7E"]).status == 2)
        #expect(directory.names == ["disk.qcow2"])
    }
}
