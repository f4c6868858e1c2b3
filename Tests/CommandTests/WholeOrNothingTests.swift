import Foundation
import TestSupport
import Testing

/// Whatever ends a conversion early, no file under the final name is incomplete.
@Suite(.serialized) struct WholeOrNothingTests {
    let directory: TemporaryDirectory
    let raw: String

    init() throws {
        directory = try TemporaryDirectory()
        // Large enough to be killed in the middle, with content that takes time to compress.
        raw = try directory.write([UInt8](joining: .mixed, times: 12), to: "disk.raw")
    }

    @Test func killedAtAnyMomentLeavesNothingThatLooksFinished() throws {
        let out = directory.file("out.qcow2")
        let whole = try Tool.run(Tool.converter, ["-q", "-c", raw, out])
        #expect(whole.status == 0)
        var times = KillTimes(runTime: whole.seconds, seed: 2026)
        for _ in 0..<50 {
            unlink(out)
            try times.kill(try Tool.start(Tool.converter, ["-q", "-c", raw, out]))
            if FileManager.default.fileExists(atPath: out) {
                try QEMU.requireIdentical(raw, out, format: "qcow2")
                try QEMU.requireClean(out)
            }
        }
        #expect(times.killed > 10)
    }

    @Test(arguments: [SIGINT, SIGTERM, SIGHUP])
    func signalsEndItWithinASecondAndCleanly(signal: Int32) throws {
        let out = directory.file("out.qcow2")
        let isPrompt = try Tool.endsPromptly(signal) {
            // Single-threaded at the slowest level: far from done when the signal comes.
            let running = try Tool.start(
                Tool.converter, ["-q", "-c", "--compression-level", "12", "-m", "1", raw, out])
            try directory.wait(for: "out.qcow2.partial")
            return running
        }
        #expect(isPrompt)
        #expect(directory.names == ["disk.raw"])
    }

    @Test func anIgnoredSignalStaysIgnored() throws {
        let out = directory.file("out.qcow2")
        let command = "trap '' HUP; exec '\(Tool.converter)' -q -c --compression-level 9 '\(raw)' '\(out)'"
        let running = try Tool.start("sh", ["-c", command])
        try directory.wait(for: "out.qcow2.partial")
        running.signal(SIGHUP)
        #expect(try running.wait().status == 0)
        try QEMU.requireIdentical(raw, out, format: "qcow2")
    }

    @Test func aFileSizeLimitIsAnErrorWithAnOffset() throws {
        let out = directory.file("out.raw")
        let result = try Tool.run("sh", ["-c", "ulimit -f 20000; exec '\(Tool.converter)' '\(raw)' '\(out)'"])
        #expect(result.status == 21, "\(result.error)")
        #expect(result.error.contains("at byte"))
        #expect(directory.names == ["disk.raw"])
    }

    @Test(.enabled(if: Capabilities.canMount, "needs root to mount a small filesystem"), arguments: ["tmpfs", "ext4"])
    func aFullDiskIsAnErrorWithItsOwnStatus(filesystem: String) throws {
        let mount = directory.file("small")
        try Tool.check("mkdir", [mount])
        if filesystem == "tmpfs" {
            try Tool.check("mount", ["-t", "tmpfs", "-o", "size=8m", "tmpfs", mount])
        } else {
            try Tool.check("truncate", ["-s", "16M", directory.file("image")])
            try Tool.check("mkfs.ext4", ["-q", directory.file("image")])
            try Tool.check("mount", ["-o", "loop", directory.file("image"), mount])
        }
        defer { try? Tool.unmount(mount) }
        for options in [[], ["--io", "sync"], ["-c"], ["-o", "preallocation=falloc"]] {
            let name = options.contains("-o") ? "/out.raw" : "/out.qcow2"
            let result = try Tool.run(Tool.converter, options + [raw, mount + name])
            #expect(result.status == 22, "\(options): \(result.error)")
            #expect(result.error.contains(name))
        }
        let left = try FileManager.default.contentsOfDirectory(atPath: mount).filter { $0 != "lost+found" }
        #expect(left.isEmpty)
    }

    @Test func aSourceThatShrinksWhileItIsReadIsAnError() throws {
        let source = try directory.write([UInt8](joining: .mixed, times: 12), to: "shrinking.raw")
        let running = try Tool.start(
            Tool.converter, ["-c", "--compression-level", "12", "-m", "1", source, directory.file("out.qcow2")])
        try directory.wait(for: "out.qcow2.partial")
        truncate(source, 1 << 20)
        let result = try running.wait()
        #expect(result.status == 12 && result.error.contains("shorter"), "\(result.status) \(result.error)")
        #expect(directory.names == ["disk.raw", "shrinking.raw"])
    }

    @Test func aSourceThatLosesItsEndBehindAHoleIsAnError() throws {
        let source = try directory.write([UInt8](joining: .mixed, times: 6), to: "shrinking.raw")
        truncate(source, 2 << 30)
        let tail = open(source, O_WRONLY)
        #expect(pwrite(tail, "end", 3, (2 << 30) - 512) == 3)
        close(tail)
        let running = try Tool.start(
            Tool.converter, ["-c", "--compression-level", "12", "-m", "1", source, directory.file("out.qcow2")])
        try directory.wait(for: "out.qcow2.partial")
        truncate(source, 1 << 30)
        let result = try running.wait()
        #expect(result.status == 12 && result.error.contains("shorter"), "\(result.status) \(result.error)")
        #expect(directory.names == ["disk.raw", "shrinking.raw"])
    }

    @Test func anUnwritableDirectoryIsAnError() throws {
        #expect(try Tool.run(Tool.converter, [raw, directory.file("absent/out.raw")]).status == 21)
        #expect(try Tool.run(Tool.converter, [directory.path, directory.file("out.raw")]).status == 10)
    }
}

extension [UInt8] {
    init(joining content: DiskContent, times: Int) {
        let bytes = content.bytes()
        self = (0..<times).flatMap { _ in bytes }
    }
}
