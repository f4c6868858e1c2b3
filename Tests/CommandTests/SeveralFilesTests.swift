import Foundation
import TestSupport
import Testing

/// An output of several files appears as a whole or not at all.
@Suite(.serialized) struct SeveralFilesTests {
    let directory: TemporaryDirectory
    let raw: String
    let out: String

    private static let flat = ["-q", "-o", "subformat=monolithicFlat"]

    init() throws {
        directory = try TemporaryDirectory()
        raw = try directory.write([UInt8](joining: .mixed, times: 12), to: "disk.raw")
        out = directory.file("out.vmdk")
    }

    /// Whatever the moment: a descriptor only ever stands over the files it was written with.
    @Test(arguments: [false, true])
    func killedAtAnyMomentLeavesNothingThatLooksFinished(replaces: Bool) throws {
        let old = try directory.write([UInt8](repeating: 0x11, count: 113_240_064), to: "old.raw")
        try #require(fileSize(old) == fileSize(raw))
        let whole = try Tool.run(Tool.converter, Self.flat + [raw, out])
        #expect(whole.status == 0)
        var times = KillTimes(runTime: whole.seconds, seed: 2026)
        for _ in 0..<15 {
            if replaces {
                #expect(try Tool.run(Tool.converter, Self.flat + ["--force", old, out]).status == 0)
            } else {
                unlink(out)
                unlink(directory.file("out-flat.vmdk"))
            }
            try times.kill(try Tool.start(Tool.converter, Self.flat + (replaces ? ["--force"] : []) + [raw, out]))
            guard FileManager.default.fileExists(atPath: out) else { continue }
            let isOld = try replaces && QEMU.areIdentical(old, out, format: "vmdk")
            if !isOld { try QEMU.requireIdentical(raw, out, format: "vmdk") }
        }
        #expect(times.killed > 5)
    }

    @Test(arguments: [SIGINT, SIGTERM])
    func signalsLeaveNothing(signal: Int32) throws {
        let split = ["-q", "-m", "1", "-S", "0", "-o", "subformat=twoGbMaxExtentSparse"]
        let large = directory.file("large.raw")
        try Tool.check("truncate", ["-s", "5G", large])
        let running = try Tool.start(Tool.converter, split + [large, out])
        try directory.wait(for: "out-s002.vmdk.partial")
        running.signal(signal)
        #expect(try running.wait().status == 128 + signal)
        #expect(directory.names == ["disk.raw", "large.raw"])
    }

    @Test(arguments: ["out.vmdk", "out-flat.vmdk"])
    func replacesNoFileUnasked(name: String) throws {
        try directory.write([1, 2, 3], to: name)
        let result = try Tool.run(Tool.converter, Self.flat + [raw, out])
        #expect(result.status == 20 && result.error.contains(name))
        #expect(directory.names == ["disk.raw", name].sorted())
        #expect(try contents(of: directory.file(name)) == [1, 2, 3])
        #expect(try Tool.run(Tool.converter, Self.flat + ["--force", raw, out]).status == 0)
        try QEMU.requireIdentical(raw, out, format: "vmdk")
    }

    /// While the conversion runs someone makes a file with the name of one of its own.
    @Test func aNameThatIsTakenMeanwhileUndoesTheOthers() throws {
        let running = try Tool.start(
            Tool.converter, ["-q", "-m", "1", "-S", "0", "-o", "subformat=monolithicFlat", raw, out])
        try directory.wait(for: "out-flat.vmdk.partial")
        try directory.write([1, 2, 3], to: "out.vmdk")
        #expect(try running.wait().status == 20)
        #expect(directory.names == ["disk.raw", "out.vmdk"])
        #expect(try contents(of: out) == [1, 2, 3])
    }

    @Test func refusesItsInputAmongItsFiles() throws {
        try Tool.check("mv", [raw, directory.file("out-flat.vmdk")])
        let result = try Tool.run(Tool.converter, Self.flat + ["--force", directory.file("out-flat.vmdk"), out])
        #expect(result.status == 20)
        #expect(directory.names == ["out-flat.vmdk"])
    }

    @Test func aFileSizeLimitLeavesNothing() throws {
        let command = "ulimit -f 20000; exec '\(Tool.converter)' -o subformat=monolithicFlat '\(raw)' '\(out)'"
        let result = try Tool.run("sh", ["-c", command])
        #expect(result.status == 21, "\(result.error)")
        #expect(result.error.contains("out-flat.vmdk") && result.error.contains("at byte"))
        #expect(directory.names == ["disk.raw"])
    }

    @Test(.enabled(if: Capabilities.canMount, "needs root to mount a small filesystem"))
    func aFullDiskLeavesNothing() throws {
        let mount = directory.file("small")
        try Tool.check("mkdir", [mount])
        try Tool.check("mount", ["-t", "tmpfs", "-o", "size=8m", "tmpfs", mount])
        defer { try? Tool.unmount(mount) }
        for subformat in ["monolithicFlat", "twoGbMaxExtentSparse"] {
            let options = ["-o", "subformat=\(subformat)", raw, mount + "/out.vmdk"]
            #expect(try Tool.run(Tool.converter, options).status == 22)
            #expect(try FileManager.default.contentsOfDirectory(atPath: mount).isEmpty)
        }
    }

    @Test func putsItsFilesWhereALinkLeads() throws {
        try FileManager.default.createDirectory(atPath: directory.file("there"), withIntermediateDirectories: false)
        try directory.write([1], to: "there/out.vmdk")
        try FileManager.default.createSymbolicLink(atPath: out, withDestinationPath: "there/out.vmdk")
        #expect(try Tool.run(Tool.converter, Self.flat + ["--force", raw, out]).status == 0)
        try QEMU.requireIdentical(raw, directory.file("there/out.vmdk"), format: "vmdk")
    }
}
