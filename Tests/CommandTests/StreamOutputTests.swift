import Foundation
import TestSupport
import Testing

/// `-` as output: standard output gets the image, in order, and nothing else.
@Suite struct StreamOutputTests {
    let directory: TemporaryDirectory
    let raw: String

    private static let streamOptimized = ["-O", "vmdk", "-o", "subformat=streamOptimized"]

    init() throws {
        directory = try TemporaryDirectory()
        raw = try directory.write([UInt8](joining: .mixed, times: 2), to: "disk.raw")
    }

    /// Runs `converter OPTIONS INPUT - | READER`; the status is the converter's.
    private func pipe(_ options: [String], _ input: String, into reader: String) throws -> Tool.Result {
        let words = ([Tool.converter] + options + [input]).map { "'\($0)'" }.joined(separator: " ")
        return try Tool.run("bash", ["-c", "\(words) - | \(reader); exit ${PIPESTATUS[0]}"])
    }

    @Test(arguments: DiskContent.all)
    func writesRawDisksWithTheirZeros(content: DiskContent) throws {
        let source = try directory.write(content.bytes(), to: "source.raw")
        let copy = directory.file("copy.raw")
        for options in [["-m", "1"], ["-m", "8", "--io", "sync"]] {
            let result = try pipe(["-q", "-O", "raw"] + options, source, into: "cat > '\(copy)'")
            #expect(result.status == 0 && result.error.isEmpty, "\(result.error)")
            #expect(try contents(of: copy) == content.bytes())
        }
    }

    @Test(arguments: DiskContent.all.filter { $0.size > 0 })
    func writesTheSameStreamsAsToAFile(content: DiskContent) throws {
        let source = try directory.write(content.bytes(), to: "source.raw")
        let file = directory.file("disk.vmdk")
        #expect(try Tool.run(Tool.converter, Self.streamOptimized + [source, file]).status == 0)
        let copy = directory.file("copy.vmdk")
        for options in [["-m", "1"], ["-m", "8", "--io", "sync"]] {
            let result = try pipe(["-q"] + Self.streamOptimized + options, source, into: "cat > '\(copy)'")
            #expect(result.status == 0 && result.error.isEmpty, "\(result.error)")
            try QEMU.requireIdentical(source, copy, format: "vmdk")
            #expect(try contents(of: copy) == contents(of: file))
        }
    }

    @Test(arguments: [
        [], ["-o", "cluster_size=512"], ["-o", "cluster_size=4k"], ["-o", "cluster_size=2M"], ["-o", "compat=0.10"],
        ["-o", "refcount_bits=1,cluster_size=512"], ["-o", "refcount_bits=64,cluster_size=512"],
        ["-o", "extended_l2=on"], ["-o", "extended_l2=on,cluster_size=16k,lazy_refcounts=on"],
    ])
    func writesPlainQcow2(options: [String]) throws {
        for content in [DiskContent.all[0], .mixed] {
            let source = try directory.write(content.bytes(), to: "source.raw")
            let copy = directory.file("copy.qcow2")
            var images: Set<[UInt8]> = []
            for more in [["-m", "1"], ["-m", "8", "--io", "sync"]] {
                let result = try pipe(["-q", "-O", "qcow2"] + options + more, source, into: "cat > '\(copy)'")
                #expect(result.status == 0 && result.error.isEmpty, "\(result.error)")
                images.insert(try contents(of: copy))
            }
            #expect(images.count == 1)
            try QEMU.requireIdentical(source, copy, format: "qcow2")
            try QEMU.requireClean(copy)
        }
    }

    /// More than one refcount block and L2 table, holes of every length, at both granularities.
    @Test(arguments: ["512", "4k", "64k"])
    func leavesHolesOutOfQcow2(cluster: String) throws {
        let source = directory.file("sparse.raw")
        try Tool.check("truncate", ["-s", "3000000512", source])
        for place in [
            0, 60 << 20, (64 << 20) - 4096, 511 << 20, 1 << 30, (2 << 30) + 12345 * 512, 3_000_000_000 - 50000,
        ] {
            try Tool.check("qemu-io", ["-f", "raw", "-c", "write -q -P 7 \(place / 512 * 512) 50000", source])
        }
        let copy = directory.file("copy.qcow2")
        let result = try pipe(
            ["-q", "-O", "qcow2", "-o", "cluster_size=\(cluster)"], source, into: "cat > '\(copy)'")
        #expect(result.status == 0, "\(result.error)")
        try QEMU.requireIdentical(source, copy, format: "qcow2")
        try QEMU.requireClean(copy)
        #expect(try #require(fileSize(copy)) < 32 << 20)
    }

    @Test func writesIntoAFileThatTheShellOpened() throws {
        let copy = directory.file("copy.raw")
        let command = "echo before > '\(copy)'; '\(Tool.converter)' -q -O raw '\(raw)' - >> '\(copy)'"
        #expect(try Tool.run("sh", ["-c", command]).status == 0)
        #expect(try contents(of: copy) == Array("before\n".utf8) + contents(of: raw))
    }

    @Test func messagesGoToStandardError() throws {
        let result = try pipe(["--json", "--progress", "json", "-O", "raw"], raw, into: "cmp - '\(raw)'")
        #expect(result.status == 0 && result.output.isEmpty)
        #expect(result.error.contains("\"file-size\" : 18873344") && result.error.contains("\"bytes-done\""))
        let failure = try pipe(["--json", "-O", "raw"], directory.file("none"), into: "cat")
        #expect(failure.status == 10 && failure.output.isEmpty && failure.error.contains("\"input-unreadable\""))
    }

    @Test(arguments: [
        [], ["-O", "vmdk"], ["-O", "vmdk", "-o", "subformat=monolithicFlat"], ["-O", "qcow2", "-c"],
        ["-O", "raw", "-n"],
    ])
    func refusesFormsThatNeedAFile(options: [String]) throws {
        let result = try pipe(options, raw, into: "cat")
        #expect(result.status == 2 && result.output.isEmpty && !result.error.isEmpty)
        #expect(directory.names == ["disk.raw"])
    }

    @Test(arguments: [["-O", "raw"], streamOptimized, ["-O", "qcow2"]])
    func aReaderThatGoesAwayIsAnError(options: [String]) throws {
        let result = try pipe(options, raw, into: "head -c 300000 > /dev/null")
        #expect(result.status == 21 && result.error.contains("at byte"), "\(result.error)")
    }

    @Test func aFullDeviceIsAnErrorWithItsOwnStatus() throws {
        let command = "exec '\(Tool.converter)' -O raw '\(raw)' - > /dev/full"
        #expect(try Tool.run("sh", ["-c", command]).status == 22)
    }

    /// A slow reader costs time, not memory.
    @Test func waitsForItsReader() throws {
        let large = try directory.write([UInt8](joining: .mixed, times: 24), to: "large.raw")
        let report = directory.file("report")
        let command = """
            command time -f %M -o '\(report)' '\(Tool.converter)' -q -O raw '\(large)' - | (sleep 1; cmp - '\(large)')
            """
        #expect(try Tool.run("bash", ["-c", command]).status == 0)
        let peak = String(decoding: try contents(of: report), as: UTF8.self).split(separator: "\n").last.flatMap {
            Int($0)
        }
        #expect(try #require(peak) < 128 << 10)
    }

    @Test func aSignalEndsItThoughNobodyReads() throws {
        var holders: [Int32] = []
        defer { for holder in holders { close(holder) } }
        let isPrompt = try Tool.endsPromptly(SIGTERM) {
            let pipe = directory.file("pipe\(holders.count)")
            try Tool.check("mkfifo", [pipe])
            let holder = open(pipe, O_RDWR)
            holders.append(holder)
            let running = try Tool.start("sh", ["-c", "exec '\(Tool.converter)' -q -O raw '\(raw)' - > '\(pipe)'"])
            // Until it has filled the pipe and waits.
            var waiting: Int32 = 0
            for _ in 0..<30_000 where waiting < 65536 {
                _ = ioctl(holder, UInt(FIONREAD), &waiting)
                usleep(1000)
            }
            return running
        }
        #expect(isPrompt)
    }
}
