import Foundation
import TestSupport
import Testing

/// The command as scripts and people use it.
@Suite struct ConvertCommandTests {
    let directory: TemporaryDirectory
    let raw: String
    let vmdk: String

    init() throws {
        directory = try TemporaryDirectory()
        raw = try directory.write(DiskContent.mixed.bytes(), to: "disk.raw")
        vmdk = directory.file("disk.vmdk")
        try QEMU.convert(raw, to: vmdk, format: "vmdk")
    }

    private func run(_ arguments: [String]) throws -> Tool.Result { try Tool.run(Tool.converter, arguments) }

    @Test func takesQemuImgsOptions() throws {
        let out = directory.file("out.qcow2")
        let result = try run([
            "-f", "vmdk", "-O", "qcow2", "-c", "-o", "compression_type=zstd,cluster_size=32k", "-p", "-m", "16", "-W",
            "-S",
            "4k", "-t", "none", "-T", "none", "-U", vmdk, out,
        ])
        #expect(result.status == 0, "\(result.error)")
        try QEMU.requireIdentical(raw, out, format: "qcow2")
        #expect(try Tool.check("qemu-img", ["info", out]).contains("compression type: zstd"))
        #expect(result.error.contains("100.0%") && result.error.contains("left out"))
    }

    /// However fast the machine: the last piece must not start before the others have had their time.
    @Test func keepsToARate() throws {
        let result = try run(["--rate-limit", "10M", "--json", "-q", vmdk, directory.file("out.raw")])
        let report = try #require(try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
        #expect(try #require(report["seconds"] as? Double) > 0.3)
        #expect(try #require(report["mb-per-second"] as? Double) < 15)
        try QEMU.requireIdentical(raw, directory.file("out.raw"), format: "raw")
    }

    /// Pieces of which nothing is written are not the end of the disk.
    @Test(arguments: [[], ["-m", "1"], ["--io", "sync"]])
    func keepsToARateOverZeros(options: [String]) throws {
        var bytes = [UInt8](repeating: 0, count: 12 << 20)
        bytes += DiskContent.mixed.bytes() + bytes
        let zeros = try directory.write(bytes, to: "zeros.raw")
        let out = directory.file("out.qcow2")
        try Tool.check(
            "bash",
            ["-c", #"cat "$1" | "$2" -q -f raw -r 200M "${@:4}" - "$3""#, "bash", zeros, Tool.converter, out] + options)
        try QEMU.requireIdentical(zeros, out, format: "qcow2")
        // A file can have the same: its zeros are no holes.
        try Tool.check(Tool.converter, ["-q", "--force", "-r", "200M"] + options + [zeros, out])
        try QEMU.requireIdentical(zeros, out, format: "qcow2")
    }

    @Test func isSilentOnRequestAndShowsNoBarWithoutTerminal() throws {
        #expect(try run(["-q", vmdk, directory.file("a.qcow2")]).error.isEmpty)
        let lines = try run([vmdk, directory.file("b.qcow2")]).error.split(separator: "\n")
        #expect(lines.count == 1 && lines[0].contains("MB/s"))
    }

    @Test func reportsAsJSON() throws {
        let result = try run(["--json", "-q", "--progress", "json", vmdk, directory.file("out.raw")])
        let report = try #require(try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
        #expect(report["virtual-size"] as? Int == 9436672)
        #expect(report["source-format"] as? String == "vmdk")
        #expect((report["zero-bytes"] as? Int ?? 0) > 1 << 20)
        let failure = try run(["--json", directory.file("none"), directory.file("out2.raw")])
        let error = try JSONSerialization.jsonObject(with: Data(failure.output.utf8)) as? [String: [String: Any]]
        #expect(error?["error"]?["code"] as? String == "input-unreadable")
        #expect(error?["error"]?["exit-status"] as? Int == 10 && failure.status == 10)
        #expect(error?["error"]?["reason"] as? String == "No such file or directory")
        let usage = try run(["--json", "--nonsense", vmdk, directory.file("out2.raw")])
        let complaint = try JSONSerialization.jsonObject(with: Data(usage.output.utf8)) as? [String: [String: Any]]
        #expect(complaint?["error"]?["code"] as? String == "invalid-option" && usage.status == 2)
    }

    @Test func printsProgressAsJSONLines() throws {
        let result = try run(["--progress", "json", vmdk, directory.file("out.raw")])
        let lines = result.error.split(separator: "\n").dropLast()
        #expect(!lines.isEmpty)
        for line in lines {
            let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            #expect(object["bytes-total"] as? Int != 0)
            #expect(object["bytes-total"] != nil || object["phase"] as? String == "mapping")
            #expect(object["phase"] != nil && object["bytes-per-second"] != nil)
        }
    }

    @Test func neverReplacesAnOutputUnasked() throws {
        let out = try directory.write([1, 2, 3], to: "out.qcow2")
        #expect(try run([vmdk, out]).status == 20)
        #expect(try contents(of: out) == [1, 2, 3])
        #expect(try run(["--force", vmdk, out]).status == 0)
        try QEMU.requireIdentical(raw, out, format: "qcow2")
    }

    @Test func refusesTheInputAsOutputThroughAnyLink() throws {
        let before = try contents(of: vmdk)
        try FileManager.default.createSymbolicLink(atPath: directory.file("soft.raw"), withDestinationPath: vmdk)
        try FileManager.default.linkItem(atPath: vmdk, toPath: directory.file("hard.raw"))
        for name in ["soft.raw", "hard.raw", "disk.vmdk"] {
            #expect(try run(["--force", "-O", "raw", vmdk, directory.file(name)]).status == 20)
            #expect(try run(["-n", "-O", "raw", vmdk, directory.file(name)]).status == 20)
        }
        #expect(try contents(of: vmdk) == before)
    }

    @Test func refusesADescriptorAsItsOwnOutput() throws {
        let image = directory.file("flat.vmdk")
        try QEMU.convert(raw, to: image, format: "vmdk", options: "subformat=monolithicFlat")
        let before = try contents(of: image)
        #expect(try run(["--force", "-O", "raw", image, image]).status == 20)
        #expect(try contents(of: image) == before)
    }

    @Test func replacesOnlyRegularFiles() throws {
        let pipe = directory.file("pipe.raw")
        try Tool.check("mkfifo", [pipe])
        #expect(try run(["--force", vmdk, pipe]).status == 20)
        try FileManager.default.createSymbolicLink(atPath: directory.file("astray.raw"), withDestinationPath: "nowhere")
        #expect(try run([vmdk, directory.file("astray.raw")]).status == 20)
        #expect(try run(["--force", "-O", "raw", vmdk, directory.path]).status == 20)
        #expect(directory.names == ["astray.raw", "disk.raw", "disk.vmdk", "pipe.raw"])
    }

    @Test func leavesAloneWhatTheTemporaryNameIsLinkedTo() throws {
        let precious = try directory.write([1, 2, 3], to: "precious")
        try FileManager.default.linkItem(atPath: precious, toPath: directory.file("out.qcow2.partial"))
        #expect(try run([vmdk, directory.file("out.qcow2")]).status == 0)
        #expect(try contents(of: precious) == [1, 2, 3])
    }

    @Test func zerosTheRestOfTheLastSectorInPlace() throws {
        let source = try directory.write([UInt8](repeating: 7, count: 1000), to: "odd.raw")
        let out = try directory.write([UInt8](repeating: 0xAB, count: 4096), to: "out.raw")
        #expect(try run(["-n", "-f", "raw", source, out]).status == 0)
        let expected = [UInt8](repeating: 7, count: 1000) + [UInt8](repeating: 0, count: 24)
        #expect(try Array(contents(of: out)[..<1024]) == expected)
        #expect(try contents(of: out)[1024...].allSatisfy { $0 == 0xAB })
    }

    @Test(arguments: ["1M", "4M"])
    func leavesOutLongRunsOfZeros(run length: String) throws {
        var bytes = [UInt8](repeating: 0, count: 16 << 20)
        bytes[9 << 20] = 1
        let source = try directory.write(bytes, to: "sparse.raw")
        let out = directory.file("out.raw")
        #expect(try run(["-S", length, source, out]).status == 0)
        #expect(try Int(Tool.check("stat", ["-c", "%b", out]).split(separator: "\n")[0]) ?? 0 <= 4 << 11)
        try QEMU.requireIdentical(source, out, format: "raw")
    }

    @Test func aLostReportIsAnError() throws {
        let command = "exec '\(Tool.converter)' --json -q '\(vmdk)' '\(directory.file("out.raw"))' > /dev/full"
        #expect(try Tool.run("sh", ["-c", command]).status == 21)
    }

    @Test func replacesWhatALinkLeadsTo() throws {
        let target = try directory.write([1], to: "target.qcow2")
        try FileManager.default.createSymbolicLink(atPath: directory.file("link.qcow2"), withDestinationPath: target)
        #expect(try run(["--force", vmdk, directory.file("link.qcow2")]).status == 0)
        try QEMU.requireIdentical(raw, target, format: "qcow2")
        let attributes = try FileManager.default.attributesOfItem(atPath: directory.file("link.qcow2"))
        #expect(attributes[.type] as? FileAttributeType == .typeSymbolicLink)
    }

    @Test func writesInPlaceAndLeavesWhatIsBehindTheDisk() throws {
        let size = 9436672
        let out = try directory.write([UInt8](repeating: 0xAB, count: size + 5000), to: "out.raw")
        #expect(try run(["-n", vmdk, out]).status == 0)
        let written = try contents(of: out)
        #expect(Array(written[..<size]) == DiskContent.mixed.bytes())
        #expect(written[size...].allSatisfy { $0 == 0xAB } && written.count == size + 5000)
        let small = try directory.write([UInt8](repeating: 0, count: 4096), to: "small.raw")
        #expect(try run(["-n", vmdk, small]).status == 21)
        #expect(try run(["-n", vmdk, directory.file("absent.raw")]).status == 21)
    }

    @Test(arguments: [
        ["-O", "vdi"], ["-f", "hologram"], ["-o", "cluster_size=3000"], ["-o", "nonsense=1"], ["-o", "cluster_size"],
        ["-o", "compat=0.10,compression_type=zstd"], ["-o", "refcount_bits=3"], ["-o", "compat=0.10,refcount_bits=8"],
        ["-c", "--compression-level", "13"], ["-c", "--window", "4k", "--compression-level", "10"], ["--window", "4k"],
        ["-c", "--window", "8k"], ["-c", "--window", "4k", "-o", "compression_type=zstd"],
        ["-o", "extended_l2=on,cluster_size=8k"], ["-o", "extended_l2=on,compat=0.10"],
        ["-o", "lazy_refcounts=on,compat=0.10"], ["-o", "extended_l2=maybe"],
        ["-c", "-o", "preallocation=metadata"], ["-o", "preallocation=some"], ["-F", "raw"],
        ["-B", "disk.raw", "-o", "backing_file=disk.raw", "-F", "raw"], ["-B", "disk.raw"], ["-B", "nbd:disk.raw"],
        ["-B", "disk.raw", "-F", "raw", "-O", "raw"], ["-B", "disk.raw", "-F", "raw", "-o", "preallocation=metadata"],
        ["-o", "data_file_raw=on"], ["-c", "-o", "data_file=data"], ["-o", "data_file=data,compat=0.10"],
        ["-o", "data_file=data,data_file_raw=on", "-B", "disk.raw", "-F", "raw"], ["-c", "-O", "raw"], ["-m", "0"],
        ["-m", "65"], ["-S", "700"],
        ["--io", "x"],
        ["-n", "-O", "qcow2"], ["--nonsense"], ["--queue-depth", "0"], ["--queue-depth", "65"], ["-r", "0"],
        ["-o", "cluster_size=512,refcount_bits=1", "-c"],
        ["-O", "raw", "-o", "preallocation=x"], ["-n", "-O", "vmdk"], ["-c", "-O", "vmdk"],
        ["-O", "vmdk", "-o", "subformat=vmfs"], ["-O", "vmdk", "-o", "adapter_type=nvme"],
        ["-O", "vmdk", "-o", "hwversion=0"],
        ["-O", "vmdk", "-o", "subformat=streamOptimized", "--compression-level", "13"],
    ])
    func explainsWrongUsage(options: [String]) throws {
        let result = try run(options + [vmdk, directory.file("out.qcow2")])
        #expect(result.status == 2)
        #expect(!result.error.isEmpty)
        #expect(directory.names == ["disk.raw", "disk.vmdk"])
    }

    @Test func wantsAFormatWhereTheNameTellsNone() throws {
        #expect(try run([vmdk, directory.file("out")]).status == 2)
        #expect(try run([vmdk, directory.file("out.vdi")]).status == 2)
        #expect(try run([vmdk]).status == 2)
    }

    @Test func refusesAnImageThatAnotherProcessWrites() throws {
        let image = directory.file("busy.qcow2")
        try QEMU.convert(raw, to: image, format: "qcow2")
        let holder = try Tool.start("qemu-io", ["-f", "qcow2", "-c", "sleep 600000", image])
        defer {
            holder.signal(SIGKILL)
            _ = try? holder.wait()
        }
        let out = directory.file("out.raw")
        // qemu-io takes its locks a moment after it starts.
        var status: Int32 = 0
        for _ in 0..<1000 where status != 14 {
            status = try run(["--force", image, out]).status
            usleep(20_000)
        }
        #expect(status == 14)
        #expect(try run(["info", image]).status == 14)
        // Nor is it replaced.
        let before = try Tool.check("stat", ["-c", "%i", image])
        for command in [["--force", vmdk, image], ["create", "--force", image, "1M"]] {
            #expect(try run(command).status == 23)
        }
        #expect(try Tool.check("stat", ["-c", "%i", image]) == before)
        #expect(try run(["-U", "--force", image, out]).status == 0)
        try QEMU.requireIdentical(raw, out, format: "raw")
    }

    @Test func locksItsOutput() throws {
        let partial = try directory.write([], to: "out.qcow2.partial")
        let holder = try Tool.start("qemu-io", ["-f", "raw", "-c", "sleep 600000", partial])
        defer {
            holder.signal(SIGKILL)
            _ = try? holder.wait()
        }
        // qemu-io takes its locks a moment after it starts.
        for _ in 0..<1000 where try Tool.run("qemu-img", ["info", "-f", "raw", partial]).status == 0 { usleep(20_000) }
        let result = try run([vmdk, directory.file("out.qcow2")])
        #expect(result.status == 23, "\(result.error)")
        #expect(directory.names == ["disk.raw", "disk.vmdk", "out.qcow2.partial"])
    }

    @Test func takesOverWhatAKilledConversionLeft() throws {
        try directory.write([UInt8](repeating: 7, count: 20 << 20), to: "out.qcow2.partial")
        #expect(try run([vmdk, directory.file("out.qcow2")]).status == 0)
        try QEMU.requireIdentical(raw, directory.file("out.qcow2"), format: "qcow2")
        try QEMU.requireClean(directory.file("out.qcow2"))
        #expect(!directory.names.contains("out.qcow2.partial"))
    }

    @Test func worksWhereIOUringIsRefused() throws {
        let out = directory.file("out.qcow2")
        let automatic = try Tool.run(Tool.denyIOUring, [Tool.converter, "-v", vmdk, out])
        #expect(automatic.status == 0 && automatic.error.contains("io_uring is refused"))
        try QEMU.requireIdentical(raw, out, format: "qcow2")
        let forced = try Tool.run(Tool.denyIOUring, [Tool.converter, "--io", "uring", "--force", vmdk, out])
        #expect(forced.status == 30 && forced.error.contains("--io sync"))
        try QEMU.requireIdentical(raw, out, format: "qcow2")
    }

    @Test(.enabled(if: Capabilities.isRoot, "needs root to become someone else"))
    func worksForAnOrdinaryUserWithLittleLockableMemory() throws {
        try Tool.check("chmod", ["-R", "a+rwX", directory.path])
        let out = directory.file("out.qcow2")
        // The products may lie where others can't go.
        let command = directory.file("v2v-convert")
        try Tool.check("cp", [Tool.converter, command])
        let libraries = try Tool.check("sh", ["-c", "ldd \(command) | sed -n 's/.*=> \\(.*\\) (.*/\\1/p'"])
        let readable = libraries.split(separator: "\n").allSatisfy { !$0.hasPrefix("/root") }
        try #require(readable, "the Swift runtime lies in root's home")
        try Tool.check(
            "prlimit",
            [
                "--memlock=65536:65536", "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", command, vmdk,
                out,
            ])
        try QEMU.requireIdentical(raw, out, format: "qcow2")
    }

    @Test func saysWhatItIs() throws {
        #expect(try run(["--version"]).output.split(separator: ".").count == 3)
        let help = try run(["--help"])
        #expect(help.status == 0 && help.output.contains("EXAMPLES") && help.output.contains("--compression-level"))
        #expect(try run(["--generate-completion-script", "bash"]).output.contains("v2v-convert"))
        #expect(try run([]).status == 2)
    }
}
