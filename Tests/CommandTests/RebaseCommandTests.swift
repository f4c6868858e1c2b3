import Foundation
import TestSupport
import Testing

/// `rebase -u` beside `qemu-img rebase -u`, judged by `qemu-img info`.
@Suite struct RebaseCommandTests {
    let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    /// What qemu-img says of the backing file, and all else that the header tells.
    private func info(_ path: String) throws -> [String] {
        try Tool.check("qemu-img", ["info", "-U", path]).split(separator: "\n").map(String.init)
            .filter { !$0.hasPrefix("image:") && !$0.hasPrefix("disk size:") }
    }

    @Test(
        arguments: ["compat=1.1", "compat=0.10", "cluster_size=512,lazy_refcounts=on", "compression_type=zstd"],
        [false, true])
    func theHeaderIsWhatQEMUWrites(options: String, hasBacking: Bool) throws {
        let base = directory.file("base.qcow2")
        try Tool.check("qemu-img", ["create", "-q", "-f", "qcow2", base, "4M"])
        try Tool.check("qemu-img", ["convert", "-O", "raw", base, directory.file("b.raw")])
        let ours = directory.file("ours.qcow2")
        let backing = hasBacking ? ["-b", "base.qcow2", "-F", "qcow2"] : []
        try Tool.check("qemu-img", ["create", "-q", "-f", "qcow2", "-o", options] + backing + [ours, "4M"])
        try Tool.check("qemu-io", ["-c", "write -P 1 0 100k", ours])
        let theirs = directory.file("theirs.qcow2")
        try FileManager.default.copyItem(atPath: ours, toPath: theirs)
        for new in [["-b", "b.raw", "-F", "raw"], ["-b", ""], ["-b", "./base.qcow2", "-F", "qcow2"]] {
            let result = try Tool.run(Tool.converter, ["rebase", "-u"] + new + [ours])
            #expect(result.status == 0 && result.output.isEmpty, "\(result.error)")
            try Tool.check("qemu-img", ["rebase", "-u"] + new + [theirs])
            #expect(try info(ours) == info(theirs))
            try QEMU.requireClean(ours)
            try Tool.check("qemu-img", ["compare", "-s", ours, theirs])
        }
    }

    @Test func refusesWhatItCannotDo() throws {
        let image = directory.file("disk.qcow2")
        try Tool.check("qemu-img", ["create", "-q", "-f", "qcow2", "-o", "cluster_size=512", image, "4M"])
        let before = try contents(of: image)
        for (arguments, status) in [
            (["-b", "base.raw", "-F", "raw"], 2), (["-u", "-b", "base.raw"], 2), (["-u"], 2),
            (["-u", "-b", "base.raw", "-F", "nonsense"], 2), (["-u", "-b", "base.raw", "-F", "RAW"], 2),
            (["-u", "-F", "raw", "-b", String(repeating: "x", count: 600)], 2),
        ] as [([String], Int32)] {
            #expect(try Tool.run(Tool.converter, ["rebase"] + arguments + [image]).status == status, "\(arguments)")
        }
        #expect(try contents(of: image) == before)
        let vmdk = directory.file("disk.vmdk")
        try Tool.check("qemu-img", ["create", "-q", "-f", "vmdk", vmdk, "4M"])
        #expect(try Tool.run(Tool.converter, ["rebase", "-u", "-b", "", vmdk]).status == 13)
    }
}
