import Foundation
import TestSupport
import Testing

/// Disks that come through a pipe, or out of gzip: read front to back, with the same result as from a file.
@Suite struct PipeTests {
    let directory: TemporaryDirectory
    let raw: String

    init() throws {
        directory = try TemporaryDirectory()
        raw = try directory.write(DiskContent.mixed.bytes(), to: "disk.raw")
    }

    /// Images of a raw disk that can be read front to back.
    enum Kind: String, CaseIterable, Sendable {
        case raw
        case vmware
        case qemu
        case own
        case gzippedRaw
        case gzippedVMDK
        case ova
        case gzippedOVA

        func make(_ raw: String, in directory: TemporaryDirectory) throws -> String {
            let image = directory.file("image." + rawValue)
            switch self {
            case .raw: return raw
            case .vmware:
                let builder = VMDKStreamBuilder { (try? deflated($0, windowBits: 15)) ?? [] }
                try Tool.write(builder.image(of: try contents(of: raw)), to: image)
            case .qemu: try QEMU.convert(raw, to: image, format: "vmdk", options: "subformat=streamOptimized")
            case .own:
                let options = ["-q", "-O", "vmdk", "-o", "subformat=streamOptimized"]
                try Tool.check(Tool.converter, options + [raw, image])
            case .gzippedRaw: try Tool.check("sh", ["-c", "gzip -c '\(raw)' > '\(image)'"])
            case .gzippedVMDK:
                try Tool.check("sh", ["-c", "gzip -c '\(try Kind.vmware.make(raw, in: directory))' > '\(image)'"])
            case .ova:
                try Tool.check("cp", [try Kind.qemu.make(raw, in: directory), directory.file("in.vmdk")])
                try directory.write(Array(OVF.text([.init("in.vmdk", capacity: 9)]).utf8), to: "vm.ovf")
                try Tool.check("tar", ["-c", "-f", image, "-C", directory.path, "vm.ovf", "in.vmdk"])
            case .gzippedOVA:
                try Tool.check("sh", ["-c", "gzip -c '\(try Kind.ova.make(raw, in: directory))' > '\(image)'"])
            }
            return image
        }
    }

    /// Runs the converter with `image` on a pipe as its standard input.
    @discardableResult
    private func pipe(_ image: String, _ options: [String], to out: String) throws -> Tool.Result {
        let words = [Tool.converter] + options + ["-", directory.file(out)]
        let command = words.map { "'\($0)'" }.joined(separator: " ")
        return try Tool.run("bash", ["-c", "set -o pipefail; cat '\(image)' | \(command)"])
    }

    @Test(arguments: Kind.allCases) func aPipeGivesWhatAFileGives(kind: Kind) throws {
        let image = try kind.make(raw, in: directory)
        for (options, format) in [(["-m", "1"], "raw"), (["-m", "3", "-c"], "qcow2")] {
            let all = options + ["--force", "-O", format]
            // What follows the last byte of the disk is read too: `cat` is not killed by a broken pipe.
            let result = try pipe(image, all, to: "piped")
            #expect(result.status == 0, "\(result.error)")
            try Tool.check(
                Tool.converter, ["-q", "--force", "-O", format] + options + [raw, directory.file("direct")])
            #expect(try contents(of: directory.file("piped")) == contents(of: directory.file("direct")))
            try Tool.check(Tool.converter, ["-q"] + all + [image, directory.file("direct")])
            #expect(try contents(of: directory.file("piped")) == contents(of: directory.file("direct")))
            try QEMU.requireIdentical(raw, directory.file("piped"), format: format)
        }
    }

    @Test(arguments: DiskContent.all + [2 << 20, 4 << 20, (2 << 20) + 1].map { DiskContent.text(size: $0) })
    func everySize(content: DiskContent) throws {
        let raw = try directory.write(content.bytes(), to: "content.raw")
        for kind in content.size == 0 ? [Kind.raw] : content.size % 512 == 0 ? [.raw, .vmware, .gzippedRaw] : [.raw] {
            let image = try kind.make(raw, in: directory)
            for format in ["raw", "qcow2"] {
                let options = kind == .raw ? ["-f", "raw"] : []
                let result = try pipe(image, options + ["--force", "-O", format], to: "out")
                #expect(result.status == 0, "\(result.error)")
                let expected = directory.file("expected")
                try Tool.check(Tool.converter, ["-q", "--force", "-f", "raw", "-O", format, raw, expected])
                #expect(try contents(of: directory.file("out")) == contents(of: expected), "\(kind) \(format)")
            }
        }
    }

    @Test(arguments: [8, 64, 1024, 4096]) func everySizeOfGrain(grain: Int) throws {
        var builder = VMDKStreamBuilder { (try? deflated($0, windowBits: 15)) ?? [] }
        builder.grainSectors = grain
        builder.trailer = [UInt8](repeating: 0x11, count: 3000)
        let image = try directory.write(builder.image(of: try contents(of: raw)), to: "image.vmdk")
        #expect(try pipe(image, [], to: "out.qcow2").status == 0)
        try QEMU.requireIdentical(raw, directory.file("out.qcow2"), format: "qcow2")
    }

    @Test func zerosAreWrittenWhereTheyMustBe() throws {
        for kind in [Kind.vmware, .raw] {
            let image = try kind.make(raw, in: directory)
            let target = try directory.write([UInt8](repeating: 0xEE, count: 9_436_672), to: "target")
            let options = ["-n", "-O", "raw"]
            #expect(try pipe(image, options, to: "target").status == 0)
            #expect(try contents(of: target) == contents(of: raw))
            #expect(try pipe(image, ["-S", "0", "-O", "qcow2", "--force"], to: "full").status == 0)
            try QEMU.requireIdentical(raw, directory.file("full"), format: "qcow2")
            #expect(try #require(fileSize(directory.file("full"))) > 9_436_672)
        }
    }

    @Test func aVMDKNeedsTheSizeBeforehand() throws {
        let result = try pipe(raw, ["-O", "vmdk"], to: "out.vmdk")
        #expect(result.status == 2 && result.error.contains("-O qcow2"))
        #expect(try pipe(try Kind.vmware.make(raw, in: directory), [], to: "out.vmdk").status == 0)
        try QEMU.requireIdentical(raw, directory.file("out.vmdk"), format: "vmdk")
        #expect(try pipe(raw, ["-o", "preallocation=falloc"], to: "out.raw").status == 2)
    }

    @Test func aFileAsStandardInputIsReadAsAFile() throws {
        let image = directory.file("image.qcow2")
        try QEMU.convert(raw, to: image, format: "qcow2")
        let out = directory.file("out.raw")
        try Tool.check("sh", ["-c", "'\(Tool.converter)' -q - '\(out)' < '\(image)'"])
        #expect(try contents(of: out) == contents(of: raw))
        // Something has been read from it already: the disk is the rest.
        try Tool.check(
            "bash",
            ["-c", "{ head -c 512 > /dev/null; '\(Tool.converter)' -q --force - '\(out)'; } < '\(raw)'"])
        #expect(try contents(of: out) == Array(contents(of: raw).dropFirst(512)))
    }

    @Test func aNamedPipeIsRead() throws {
        let fifo = directory.file("fifo")
        try Tool.check("mkfifo", [fifo])
        let writer = try Tool.start("sh", ["-c", "cat '\(try Kind.vmware.make(raw, in: directory))' > '\(fifo)'"])
        try Tool.check(Tool.converter, ["-q", fifo, directory.file("out.qcow2")])
        #expect(try writer.wait().status == 0)
        try QEMU.requireIdentical(raw, directory.file("out.qcow2"), format: "qcow2")
    }

    @Test func anInterruptEndsTheWaitForAPipe() throws {
        let fifo = directory.file("fifo")
        try Tool.check("mkfifo", [fifo])
        let opened = directory.file("opened")
        let writer = try Tool.start("sh", ["-c", "exec > '\(fifo)'; : > '\(opened)'; exec sleep 600"])
        let converter = try Tool.start(Tool.converter, ["-q", fifo, directory.file("out.qcow2")])
        // The writer can open the pipe when its reader has.
        try directory.wait(for: "opened")
        converter.signal(SIGINT)
        #expect(try converter.wait().status == 130)
        writer.signal(SIGKILL)
        _ = try writer.wait()
        #expect(!directory.names.contains { $0.hasPrefix("out") })
    }

    /// Whatever the place where a pipe ends too early, it is noticed and there is no output.
    @Test(arguments: Kind.allCases.filter { $0 != .raw }) func whatIsCutShortIsRefused(kind: Kind) throws {
        let image = try kind.make(raw, in: directory)
        let size = try #require(fileSize(image))
        var cuts = [1, 300, 600, 20_000, size / 3, size / 2, size - 100_000, size - 3000]
        // Behind the end-of-stream marker and the archive's last member there are only zeros.
        cuts += kind == .vmware || kind == .own ? [size - 513] : []
        for cut in cuts {
            let part = try directory.write(Array(contents(of: image).prefix(cut)), to: "part")
            let result = try pipe(part, [], to: "out.qcow2")
            if result.status == 0 {
                // Too little to tell what it is may be a raw disk; QEMU pads the end with zeros.
                #expect(cut == 1 || cut == size - 3000)
                if cut > 1 { try QEMU.requireIdentical(raw, directory.file("out.qcow2"), format: "qcow2") }
                try FileManager.default.removeItem(atPath: directory.file("out.qcow2"))
                continue
            }
            #expect([11, 12].contains(result.status), "cut at \(cut) of \(size): \(result.status) \(result.error)")
            #expect(!directory.names.contains { $0.hasPrefix("out") })
        }
    }

    /// Damage that reading at will would notice is noticed in passing too, or changes nothing.
    @Test(arguments: Damage.stream) func damagedStreamsAreRefusedOrRight(damage: Damage) throws {
        let image = try directory.write(damage.image().bytes, to: "image.vmdk")
        let result = try pipe(image, [], to: "out.qcow2")
        if result.status == 0 {
            try QEMU.requireIdentical(raw, directory.file("out.qcow2"), format: "qcow2")
        } else {
            #expect([11, 12, 13].contains(result.status), "\(result.error)")
            #expect(!directory.names.contains { $0.hasPrefix("out") })
        }
    }

    @Test func whatGoesBackIsRefused() throws {
        var builder = VMDKStreamBuilder { (try? deflated($0, windowBits: 15)) ?? [] }
        builder.storesGrainsBackwards = true
        let image = try directory.write(builder.image(of: try contents(of: raw)), to: "image.vmdk")
        try Tool.check(Tool.converter, ["-q", image, directory.file("file.qcow2")])
        try QEMU.requireIdentical(raw, directory.file("file.qcow2"), format: "qcow2")
        let result = try pipe(image, [], to: "out.qcow2")
        #expect(result.status == 13 && result.error.contains("save it to a file"))
    }

    @Test(arguments: ["qcow2", "vdi", "vpc", "vmdk", "vpc,subformat=fixed", "gzip", "empty", "xz"])
    func whatCantBeReadFrontToBackIsRefused(kind: String) throws {
        let image = directory.file("image")
        var status: Int32 = 13
        switch kind {
        case "gzip": try Tool.check("sh", ["-c", "gzip -c '\(raw)' | gzip -c > '\(image)'"])
        case "empty":
            try directory.write([], to: "image")
            status = 12
        case "xz":
            try directory.write([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00] + [UInt8](repeating: 1, count: 4096), to: "image")
            status = 11
        default:
            let parts = kind.split(separator: ",").map(String.init)
            try QEMU.convert(
                raw, to: image, format: parts[0], options: parts.dropFirst().first.map { $0 + ",force_size" } ?? "")
        }
        let result = try pipe(image, ["-O", "raw"], to: "out")
        #expect(result.status == status, "\(result.error)")
        #expect(!directory.names.contains { $0.hasPrefix("out") })
    }

    // MARK: gzip

    @Test func severalGzipMembersAreOneDisk() throws {
        let image = directory.file("image.gz")
        let half = "head -c 5000000 '\(raw)' | gzip -c; tail -c +5000001 '\(raw)' | gzip -1 -c"
        try Tool.check("sh", ["-c", "{ \(half); head -c 1000 /dev/zero; } > '\(image)'"])
        try Tool.check(Tool.converter, ["-q", image, directory.file("out.raw")])
        #expect(try contents(of: directory.file("out.raw")) == contents(of: raw))
    }

    @Test func damagedGzipFilesAreRefused() throws {
        let image = try Kind.gzippedRaw.make(raw, in: directory)
        let sound = try contents(of: image)
        for (position, value) in [
            (3, UInt8(0xFF)), (sound.count / 2, 0x55), (sound.count - 6, 0x55), (sound.count - 2, 0x55),
        ] {
            var bytes = sound
            bytes[position] ^= value
            let damaged = try directory.write(bytes, to: "damaged.gz")
            let result = try Tool.run(Tool.converter, [damaged, directory.file("out.raw")])
            #expect([12].contains(result.status), "\(position): \(result.error)")
        }
        let garbage = try directory.write(sound + Array("more".utf8), to: "garbage.gz")
        #expect(try Tool.run(Tool.converter, [garbage, directory.file("out.raw")]).status == 12)
        #expect(!directory.names.contains { $0.hasPrefix("out") })
    }

    /// 4 GiB of zeros in 4 MiB of gzip take neither memory nor the space on disk.
    @Test func whatInflatesToMuchTakesLittleMemory() throws {
        let image = directory.file("image.gz")
        try Tool.check("sh", ["-c", "head -c 300M /dev/zero | gzip -1 -c > '\(image)'"])
        let (result, memory, _) = try Tool.measure(["-q", image, directory.file("out.qcow2")])
        #expect(result.status == 0 && memory < 128 << 10)
        #expect(try #require(fileSize(directory.file("out.qcow2"))) < 1 << 20)
    }

    @Test func aGzippedImageIsDescribed() throws {
        let image = try Kind.gzippedVMDK.make(raw, in: directory)
        let text = try Tool.check(Tool.converter, ["info", image])
        #expect(
            text.contains("file format: gzip") && text.contains("content: vmdk") && text.contains("(9436672 bytes)"))
    }

    @Test func progressOfAPipeHasNoTotal() throws {
        let result = try pipe(raw, ["--progress", "json"], to: "out.raw")
        #expect(result.error.contains("\"bytes-done\"") && result.error.contains("9436672 bytes") == false)
        #expect(try pipe(raw, ["--force", "--progress", "bar"], to: "out.raw").error.contains("GiB"))
    }
}
