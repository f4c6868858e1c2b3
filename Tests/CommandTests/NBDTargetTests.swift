import Foundation
import TestSupport
import Testing

/// Exports of NBD servers as outputs.
@Suite(.enabled(if: Capabilities.has("nbdkit") && Capabilities.has("qemu-nbd"), "needs nbdkit and qemu-nbd"))
struct NBDTargetTests {
    let directory: TemporaryDirectory
    let content: [UInt8]
    let image: String
    /// Old content that is larger than the disk.
    let target: String

    /// Bytes behind the disk.
    private static let rest = 70_144

    init() throws {
        directory = try TemporaryDirectory()
        content = DiskContent.mixed.bytes()
        let raw = try directory.write(content, to: "disk.raw")
        image = directory.file("image.qcow2")
        try QEMU.convert(raw, to: image, format: "qcow2")
        target = try directory.write([UInt8](repeating: 0xAA, count: content.count + Self.rest), to: "target.raw")
    }

    /// Converts to `server`, whose file then has the disk, and behind it what it had, except up to a multiple of `block`.
    private func convert(_ server: NBDServer, _ options: [String] = [], block: Int = 512) throws {
        try Tool.check(Tool.converter, options + [image, server.uri])
        let end = (content.count + block - 1) / block * block
        let expected =
            content + [UInt8](repeating: 0, count: end - content.count)
            + [UInt8](repeating: 0xAA, count: content.count + Self.rest - end)
        #expect(try contents(of: target) == expected)
    }

    @Test(arguments: [
        [], ["-m", "1"], ["-m", "4"], ["--io", "sync"], ["-S", "0"], ["-S", "512"], ["-n", "-O", "raw"],
    ])
    func nbdkit(options: [String]) throws {
        try convert(try .nbdkit(["file", target]), options)
    }

    @Test(arguments: ["1", "2", "8"])
    func qemuNBD(clients: String) throws {
        try convert(try .qemu(["--shared", clients, "-f", "raw", target]), ["-m", "4"])
    }

    @Test(.enabled(if: Capabilities.has("qemu-storage-daemon"), "needs qemu-storage-daemon"))
    func qemuStorageDaemon() throws {
        try convert(try .storageDaemon(target))
    }

    @Test(arguments: [
        ["nozero"], ["nozero", "zeromode=emulate"], ["multi-conn", "multi-conn-mode=disable"],
        ["noparallel", "serialize=all-requests"], ["delay", "delay-write=10ms", "delay-zero=20ms"], ["nocache"],
    ])
    func aServerThatIs(filter: [String]) throws {
        try convert(try .nbdkit(["--filter=" + filter[0], "file", target] + filter.dropFirst()))
    }

    @Test(arguments: [4096, 65536], [[], ["-S", "512"]])
    func wholeBlocks(block: Int, options: [String]) throws {
        // The export has whole blocks, too.
        let size = (content.count + Self.rest) / block * block
        try convert(
            try .nbdkit([
                "--filter=blocksize-policy", "--filter=truncate", "file", target, "truncate=\(size)",
                "blocksize-minimum=\(block)", "blocksize-preferred=\(block)", "blocksize-maximum=\(2 * block)",
                "blocksize-error-policy=error",
            ]), options, block: block)
    }

    @Test func fromServerToServer() throws {
        let source = try NBDServer.nbdkit([
            "-r", "sparse-random", "size=64M", "seed=7", "runlength=100000", "percent=40",
        ])
        let target = try NBDServer.nbdkit(["memory", "size=64M"])
        try Tool.check(Tool.converter, [source.uri, target.uri])
        // The seed makes the content.
        for (server, name) in [(source, "a.raw"), (target, "b.raw")] {
            try Tool.check("nbdcopy", [server.uri, directory.file(name)])
        }
        try Tool.check("cmp", [directory.file("a.raw"), directory.file("b.raw")])
    }

    @Test func zerosAreRequested() throws {
        let log = directory.file("log")
        do {
            let server = try NBDServer.nbdkit(["--filter=log", "file", target, "logfile=" + log])
            try convert(server)
        }
        let text = String(decoding: try contents(of: log), as: UTF8.self)
        let lines = text.split(separator: "\n")
        func bytes(_ request: String) -> Int {
            lines.filter { $0.contains(" \(request) id=") }.compactMap { line in
                line.firstRange(of: "count=0x").flatMap {
                    Int(line[$0.upperBound...].prefix { $0.isHexDigit }, radix: 16)
                }
            }.reduce(0, +)
        }
        #expect(bytes("Write") + bytes("Zero") == content.count)
        #expect(bytes("Zero") > content.count / 4)
        // After all that, and answered.
        #expect(lines.last { $0.hasSuffix("...") }?.contains("Flush id=") == true)
    }

    @Test func aTargetThatIsZeroIsNotZeroed() throws {
        let log = directory.file("log")
        try directory.write([UInt8](repeating: 0, count: content.count), to: "target.raw")
        do {
            let server = try NBDServer.nbdkit(["--filter=log", "file", target, "logfile=" + log])
            try Tool.check(Tool.converter, ["--target-is-zero", image, server.uri])
        }
        #expect(try contents(of: target) == content)
        #expect(!String(decoding: try contents(of: log), as: UTF8.self).contains(" Zero id="))
    }

    // MARK: Failures

    private func expectFailure(
        _ server: NBDServer, _ status: Int32, _ words: String, _ options: [String] = []
    ) throws {
        let result = try Tool.run(Tool.converter, options + [image, server.uri])
        #expect(result.status == status, "\(result.error)")
        #expect(result.error.contains(words) && result.error.contains(server.uri), "\(result.error)")
    }

    @Test func whatCannotBeWritten() throws {
        try expectFailure(try .nbdkit(["memory", "size=1M"]), 21, "the output has 1048576 bytes")
        try expectFailure(try .nbdkit(["-r", "memory", "size=64M"]), 21, "read-only")
        try expectFailure(try .nbdkit(["memory", "size=64M"]), 2, "can't be written to a server", ["-O", "qcow2"])
        let one = try NBDServer.nbdkit(["memory", "size=64M"])
        let same = try Tool.run(Tool.converter, [one.uri, one.uri])
        #expect(same.status == 20 && same.error.contains("the output is the input"), "\(same.error)")
        let creation = try Tool.run(Tool.converter, ["create", "-f", "raw", one.uri, "1M"])
        #expect(creation.status == 2, "\(creation.error)")
    }

    @Test(arguments: [("pwrite", "ENOSPC", 22), ("pwrite", "EIO", 21), ("zero", "ENOSPC", 22), ("zero", "EIO", 21)])
    func aServerThatFails(request: String, errno: String, status: Int32) throws {
        let server = try NBDServer.nbdkit([
            "--filter=error", "file", target, "error=" + errno, "error-\(request)-rate=1",
        ])
        try expectFailure(server, status, "(at byte ")
    }

    @Test func aServerThatFailsToFlush() throws {
        let server = try NBDServer.nbdkit([
            "eval", "get_size=echo \(64 << 20)", "pread=exit 1", "pwrite=cat > /dev/null", "zero=exit 0",
            "can_write=exit 0", "can_flush=exit 0", "can_zero=exit 0", "flush=echo EIO no >&2; exit 1",
        ])
        try expectFailure(server, 21, "could not make the output safe")
    }

    @Test func aServerThatGoesAway() throws {
        let server = try NBDServer.nbdkit([
            "-P", directory.file("pid"), "eval", "get_size=echo \(64 << 20)", "pread=exit 1", "can_write=exit 0",
            "pwrite=cat > /dev/null; if [ $4 -ge \(4 << 20) ]; then kill -9 $(cat \(directory.file("pid"))); fi",
        ])
        try expectFailure(server, 21, "the server has ended the connection")
    }
}
