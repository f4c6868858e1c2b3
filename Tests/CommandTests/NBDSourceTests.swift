import Foundation
import TestSupport
import Testing

/// Exports of NBD servers as inputs.
@Suite(.enabled(if: Capabilities.has("nbdkit") && Capabilities.has("qemu-nbd"), "needs nbdkit and qemu-nbd"))
struct NBDSourceTests {
    let directory: TemporaryDirectory
    let content: [UInt8]
    let raw: String

    init() throws {
        directory = try TemporaryDirectory()
        content = DiskContent.mixed.bytes()
        raw = try directory.write(content, to: "disk.raw")
    }

    private struct Report: Decodable {
        struct Lost: Decodable, Equatable {
            var start: Int
            var length: Int
        }
        enum CodingKeys: String, CodingKey {
            case bytesRead = "bytes-read"
            case lost
        }
        var bytesRead: Int
        var lost: [Lost]
    }

    /// Converts what `server` has to `format` and has qemu-img compare it with the disk.
    @discardableResult
    private func convert(
        _ server: NBDServer, _ options: [String] = [], to format: String = "qcow2"
    ) throws -> Report {
        let out = directory.file("out." + format)
        let result = try Tool.run(
            Tool.converter, ["--json", "-q", "--force", "-O", format] + options + [server.uri, out])
        #expect(result.status == 0, "\(result.error)")
        try QEMU.requireIdentical(raw, out, format: format)
        return try JSONDecoder().decode(Report.self, from: Data(result.output.utf8))
    }

    @Test(arguments: ["qcow2", "raw", "vmdk"])
    func aRawDisk(format: String) throws {
        try convert(try .nbdkit(["-r", "file", raw]), to: format)
    }

    @Test(arguments: [
        ["nozero"], ["noextents"], ["multi-conn", "multi-conn-mode=disable"], ["noparallel", "serialize=all-requests"],
        ["blocksize-policy", "blocksize-minimum=4096", "blocksize-maximum=64k", "blocksize-error-policy=error"],
        ["delay", "delay-read=10ms"],
    ])
    func aServerThatIs(filter: [String]) throws {
        // The blocks of a server are whole.
        let padding = (4096 - content.count % 4096) % 4096
        try directory.write(content + [UInt8](repeating: 0, count: padding), to: "disk.raw")
        try convert(try .nbdkit(["--filter=" + filter[0], "file", raw] + filter.dropFirst()))
    }

    @Test(arguments: [("qcow2", ""), ("vmdk", "subformat=streamOptimized"), ("vpc", "force_size=on"), ("vhdx", "")])
    func anImageOfAnyFormat(format: String, options: String) throws {
        let image = directory.file("image")
        try QEMU.convert(raw, to: image, format: format, options: options)
        try convert(try .nbdkit(["-r", "file", image]))
        // Compressed units start anywhere; such a server takes whole blocks.
        try convert(
            try .nbdkit([
                "-r", "--filter=blocksize-policy", "--filter=truncate", "file", image, "round-up=4096",
                "blocksize-minimum=4096", "blocksize-error-policy=error",
            ]), format == "vpc" ? ["-f", "vpc"] : [])
    }

    /// qemu-nbd lets one client in at a time, unless it is told otherwise.
    @Test(arguments: ["1", "2", "8"])
    func qemuNBD(clients: String) throws {
        let image = directory.file("image.qcow2")
        try QEMU.convert(raw, to: image, format: "qcow2")
        try convert(try .qemu(["--read-only", "--shared", clients, "-f", "qcow2", image]), ["-m", "4"])
    }

    @Test(.enabled(if: Capabilities.has("qemu-storage-daemon"), "needs qemu-storage-daemon"))
    func qemuStorageDaemon() throws {
        try convert(try .storageDaemon(raw))
    }

    @Test func encrypted() throws {
        let key = String(repeating: "5a", count: 32)
        let keys = try directory.write(Array("tester:\(key)\n".utf8), to: "keys.psk")
        let server = try NBDServer.nbdkit(["-r", "--tls=require", "--tls-psk=" + keys, "file", raw])
        try expectFailure(server.uri, 10, "requires TLS")
        let socket = server.uri.split(separator: "?")[1]
        let uri = "nbds+unix://tester@/?\(socket)&tls-psk-file=\(keys)"
        try Tool.check(Tool.converter, [uri, directory.file("out.qcow2")])
        try QEMU.requireIdentical(raw, directory.file("out.qcow2"), format: "qcow2")
    }

    @Test func holesAreNotRead() throws {
        let sparse = try directory.write([(3 << 20, content), (900 << 20, [1])], to: "sparse.raw")
        let statistics = directory.file("statistics")
        do {
            let server = try NBDServer.nbdkit([
                "-r", "--filter=log", "file", sparse, "logfile=" + statistics,
            ])
            let out = directory.file("out.qcow2")
            try Tool.check(Tool.converter, [server.uri, out])
            try QEMU.requireIdentical(sparse, out, format: "qcow2")
        }
        // "… connection=1 Read id=1 offset=0x0 count=0x10000 ...": every read is of the data, or of what tells the format.
        let log = String(decoding: try contents(of: statistics), as: UTF8.self)
        let counts = log.split(separator: "\n").filter { $0.contains(" Read id=") }.compactMap { line in
            line.firstRange(of: "count=0x").flatMap {
                Int(line[$0.upperBound...].prefix { $0.isHexDigit }, radix: 16)
            }
        }
        #expect(!counts.isEmpty && counts.reduce(0, +) <= content.count + (256 << 10))
    }

    @Test func theOutputDependsOnNothingElse() throws {
        let server = try NBDServer.nbdkit(["-r", "file", raw])
        var outputs: [[UInt8]] = []
        for options in [["-m", "1"], ["-m", "4"], ["--io", "sync"]] {
            try convert(server, options)
            outputs.append(try contents(of: directory.file("out.qcow2")))
        }
        try Tool.check(Tool.converter, [raw, directory.file("file.qcow2")])
        let expected = try contents(of: directory.file("file.qcow2"))
        #expect(outputs.allSatisfy { $0 == expected })
    }

    @Test func otherCommandsReadExports() throws {
        let image = directory.file("image.qcow2")
        try QEMU.convert(raw, to: image, format: "qcow2")
        let server = try NBDServer.nbdkit(["-r", "file", image])
        #expect(try Tool.check(Tool.converter, ["info", server.uri]).contains("file format: qcow2"))
        #expect(try Tool.check(Tool.converter, ["compare", raw, server.uri]) == "Images are identical.\n")
        #expect(try Tool.run(Tool.converter, ["check", server.uri]).status == 0)
        let own = try Tool.check(Tool.converter, ["measure", "-O", "raw", image])
        #expect(try Tool.check(Tool.converter, ["measure", "-O", "raw", server.uri]) == own)
        #expect(try Tool.run(Tool.converter, ["resize", server.uri, "+1M"]).status == 2)
    }

    // MARK: Failures

    /// The conversion of `uri` fails with `status`, says `words` and the URI, and leaves nothing.
    private func expectFailure(_ uri: String, _ status: Int32, _ words: String, _ options: [String] = []) throws {
        // The server's own files come and go.
        let before = directory.names.filter { $0 != "pid" }
        let result = try Tool.run(Tool.converter, options + [uri, directory.file("out.qcow2")])
        #expect(result.status == status, "\(result.error)")
        #expect(result.error.contains(words) && result.error.contains(uri), "\(result.error)")
        #expect(directory.names.filter { $0 != "pid" } == before)
    }

    @Test func nobodyAnswers() throws {
        try expectFailure("nbd+unix:///?socket=" + directory.file("none"), 10, "No such file or directory")
        try expectFailure("nbd://[::1", 10, "can't connect")
        let server = try NBDServer.nbdkit(["-r", "--filter=exportname", "file", raw, "exportname-strict=true"])
        try expectFailure(server.uri.replacingOccurrences(of: "///", with: "///other"), 10, "can't connect")
    }

    private static let bad = 4_194_304..<4_206_592

    /// A server that fails to read some bytes.
    private func damaged(_ errno: String) throws -> NBDServer {
        let script = """
            if [ $4 -lt \(Self.bad.upperBound) ] && [ $(($4 + $3)) -gt \(Self.bad.lowerBound) ]; then
                echo \(errno) bad >&2; exit 1
            fi
            dd if=\(raw) iflag=skip_bytes,count_bytes skip=$4 count=$3 status=none
            """
        return try .nbdkit(["eval", "get_size=echo \(content.count)", "pread=\(script)"])
    }

    @Test func aServerThatFailsToRead() throws {
        let server = try damaged("EIO")
        try expectFailure(server.uri, 10, "can't read the input (at byte 41")
        let other = try damaged("ENOMEM")
        try expectFailure(other.uri, 10, "Cannot allocate memory")
    }

    @Test func whatItFailsToReadCanBeZeros() throws {
        let server = try damaged("EIO")
        let out = directory.file("out.raw")
        let result = try Tool.run(Tool.converter, ["--salvage", "--json", "-q", server.uri, out])
        #expect(result.status == 3, "\(result.error)")
        var expected = content
        expected.replaceSubrange(Self.bad, with: [UInt8](repeating: 0, count: Self.bad.count))
        #expect(try contents(of: out) == expected)
        let report = try JSONDecoder().decode(Report.self, from: Data(result.output.utf8))
        #expect(report.lost == [Report.Lost(start: Self.bad.lowerBound, length: Self.bad.count)])
    }

    @Test(arguments: [[], ["--salvage"]])
    func aServerThatGoesAway(options: [String]) throws {
        // It ends at the first read behind 4 MiB.
        let script = """
            if [ $4 -ge \(4 << 20) ]; then kill -9 $(cat \(directory.file("pid"))); fi
            dd if=\(raw) iflag=skip_bytes,count_bytes skip=$4 count=$3 status=none
            """
        let server = try NBDServer.nbdkit([
            "-P", directory.file("pid"), "eval", "get_size=echo \(content.count + 8192)", "pread=\(script)",
        ])
        try expectFailure(server.uri, 10, "the server has ended the connection", options + ["-f", "raw"])
    }

    @Test func anInterruptEndsTheWaitForAServer() throws {
        let started = directory.file("started")
        let script = "if [ $4 -ge \(4 << 20) ]; then touch \(started); sleep 60; fi; head -c $3 /dev/zero"
        let server = try NBDServer.nbdkit(["eval", "get_size=echo \(64 << 20)", "pread=\(script)"])
        let ended = try Tool.endsPromptly(SIGINT) {
            unlink(started)
            let running = try Tool.start(Tool.converter, ["-f", "raw", server.uri, directory.file("out.qcow2")])
            try directory.wait(for: "started")
            return running
        }
        #expect(ended)
        #expect(!directory.names.contains { $0.hasPrefix("out.") })
    }

    @Test func anImageCannotNameAnExport() throws {
        let server = try NBDServer.nbdkit(["-r", "file", raw])
        let overlay = directory.file("overlay.qcow2")
        try Tool.check(
            "qemu-img", ["create", "-u", "-f", "qcow2", "-b", server.uri, "-F", "raw", overlay, "\(content.count)"])
        let result = try Tool.run(Tool.converter, [overlay, directory.file("out.qcow2")])
        #expect(result.status == 13 && result.error.contains("no file"), "\(result.error)")
    }
}
