import Foundation
import TestSupport
import Testing
import V2VConvert

/// Disks of OVA, OVF and VMX have the content that qemu-img finds in the disk's own file.
@Suite struct ApplianceTests {
    let directory: TemporaryDirectory
    let raw: String

    init() throws {
        directory = try TemporaryDirectory()
        raw = try directory.write(DiskContent.mixed.bytes(), to: "disk.raw")
    }

    /// A packer of archives, which gets the directory with the files and the archive's name.
    struct Packer: CustomTestStringConvertible, Sendable {
        var testDescription: String
        var pack: @Sendable (_ directory: String, _ files: [String], _ archive: String) throws -> Void

        static func tool(_ command: String, _ format: String) -> Packer {
            Packer(testDescription: "\(command) \(format)") { directory, files, archive in
                try Tool.check(command, ["-c", "--format=\(format)", "-f", archive, "-C", directory] + files)
            }
        }

        static func own(_ style: TarBuilder.Style) -> Packer {
            Packer(testDescription: "own \(style)") { directory, files, archive in
                var builder = TarBuilder(style: style)
                for file in files { builder.add(file, try contents(of: directory + "/" + file)) }
                try Tool.write(builder.archive, to: archive)
            }
        }

        static let all =
            ["ustar", "gnu", "pax"].map { tool("tar", $0) } + ["ustar", "pax", "gnutar"].map { tool("bsdtar", $0) }
            + TarBuilder.Style.allCases.map { own($0) }
    }

    private func convert(_ source: DiskImageSource) async throws -> String {
        var converter = Converter(source: source, target: DiskImageTarget(path: directory.file("out.qcow2")))
        converter.target.existing = .replace
        try await converter.convert()
        return directory.file("out.qcow2")
    }

    private func failure(_ source: DiskImageSource) async -> ImageError? {
        do {
            _ = try await convert(source)
            return nil
        } catch {
            return error as? ImageError
        }
    }

    private func requireRight(_ image: String, disk: Int? = nil) async throws {
        var source = DiskImageSource(path: image)
        source.disk = disk
        try QEMU.requireIdentical(raw, try await convert(source), format: "qcow2")
    }

    /// The oldest form of tar has no magic; short names are all it can hold.
    @Test func anArchiveWithoutAMagicIsNoRawDisk() async throws {
        try directory.write(try streamImage(), to: "in/disk.vmdk", parents: true)
        try directory.write(Array(OVF.text([.init("disk.vmdk", capacity: 9)]).utf8), to: "in/vm.ovf")
        for files in [["vm.ovf", "disk.vmdk"], ["disk.vmdk", "vm.ovf"]] {
            try Packer.tool("tar", "v7").pack(directory.file("in"), files, directory.file("vm.ova"))
            try await requireRight(directory.file("vm.ova"))
        }
        // Without an OVF it is an archive all the same.
        try Packer.tool("tar", "v7").pack(directory.file("in"), ["disk.vmdk"], directory.file("files.tar"))
        #expect(await failure(DiskImageSource(path: directory.file("files.tar")))?.code == .inputFormat)
    }

    @Test(.enabled(if: Capabilities.has("bsdtar")), arguments: Packer.all)
    func everyKindOfArchive(packer: Packer) async throws {
        // Longer than a tar header's name, shorter than with its prefix.
        let folder = String(repeating: "a long name ", count: 7)
        let stream = try streamImage()
        try directory.write(stream, to: "in/\(folder)/disk 1 of machine no. 1.vmdk", parents: true)
        let description = OVF.text([.init("disk%201%20of%20machine%20no.%201.vmdk", capacity: 9)])
        try directory.write(Array(description.utf8), to: "in/\(folder)/vm.ovf")
        let files = ["\(folder)/vm.ovf", "\(folder)/disk 1 of machine no. 1.vmdk"]
        for order in [files, files.reversed()] {
            try packer.pack(directory.file("in"), order, directory.file("vm.ova"))
            // The archive is what other readers take it for.
            try Tool.check("mkdir", ["-p", directory.file("unpacked")])
            try Tool.check("tar", ["-x", "-f", directory.file("vm.ova"), "-C", directory.file("unpacked")])
            #expect(try contents(of: directory.file("unpacked/" + files[1])) == stream)
            try await requireRight(directory.file("vm.ova"))
        }
    }

    private func streamImage() throws -> [UInt8] {
        VMDKStreamBuilder { (try? deflated($0, windowBits: 15)) ?? [] }.image(of: try contents(of: raw))
    }

    @Test(arguments: SourceVariant.few.filter { !$0.name.contains("split") && !$0.name.contains("flat") })
    func everyKindOfDisk(variant: SourceVariant) async throws {
        try variant.make(raw, directory.file("disk.bin"))
        try pack([.init("disk.bin", capacity: 9)], ["disk.bin"])
        try await requireRight(directory.file("vm.ova"))
        try await requireRight(directory.file("vm.ovf"))
    }

    /// Writes `vm.ovf` and packs it with `files` as `vm.ova`.
    private func pack(_ disks: [OVF.Disk], _ files: [String]) throws {
        try directory.write(Array(OVF.text(disks).utf8), to: "vm.ovf")
        try Tool.check("tar", ["-c", "-f", directory.file("vm.ova"), "-C", directory.path, "vm.ovf"] + files)
    }

    @Test(arguments: ["monolithicFlat", "twoGbMaxExtentSparse"])
    func extentsAndParentsAreOtherMembers(subformat: String) async throws {
        try QEMU.convert(raw, to: directory.file("base.vmdk"), format: "vmdk", options: "subformat=\(subformat)")
        let extents = directory.names.filter { $0.hasPrefix("base-") }
        let child = directory.file("child.vmdk")
        try Tool.check(
            "qemu-img", ["create", "-q", "-f", "vmdk", "-b", directory.file("base.vmdk"), "-F", "vmdk", child])
        try Tool.check("qemu-io", ["-f", "vmdk", "-c", "write -P 7 70000 200000", child])
        try pack([.init("child.vmdk", capacity: 9)], ["child.vmdk", "base.vmdk"] + extents)
        let expected = directory.file("expected.raw")
        try Tool.check("qemu-img", ["convert", "-f", "vmdk", "-O", "raw", child, expected])
        for name in ["child.vmdk", "base.vmdk"] + extents {
            try FileManager.default.removeItem(atPath: directory.file(name))
        }
        let out = try await convert(DiskImageSource(path: directory.file("vm.ova")))
        try QEMU.requireIdentical(expected, out, format: "qcow2")
    }

    @Test func membersNameOnlyMembers() async throws {
        try directory.write([UInt8](repeating: 0x53, count: 1 << 20), to: "secret.raw")
        for name in ["secret.raw", directory.file("secret.raw"), "../secret.raw", "/etc/passwd"] {
            let descriptor = "# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\ncreateType=\"custom\"\n"
            try directory.write(
                Array((descriptor + "RW 2048 FLAT \"\(name)\" 0\n").utf8), to: "in/disk.vmdk", parents: true)
            for (href, member) in [("disk.vmdk", "disk.vmdk"), (name, "disk.vmdk")] {
                try directory.write(Array(OVF.text([.init(href, capacity: 1)]).utf8), to: "in/vm.ovf")
                let archive = directory.file("in/vm.ova")
                try Tool.check("tar", ["-c", "-f", archive, "-C", directory.file("in"), "vm.ovf", member])
                var source = DiskImageSource(path: archive)
                source.allowsOutsideFiles = true
                #expect(await failure(source)?.code == .inputUnreadable)
            }
        }
    }

    @Test func filesBesideAnOVFMustNotLieOutside() async throws {
        try directory.write(try contents(of: raw), to: "outside.img")
        for name in [directory.file("outside.img"), "../outside.img", "%2e%2e/outside.img"] {
            let image = try directory.write(
                Array(OVF.text([.init(name, capacity: 9)]).utf8), to: "in/vm.ovf", parents: true)
            #expect(await failure(DiskImageSource(path: image))?.code == .inputUnsupported)
            var source = DiskImageSource(path: image)
            source.allowsOutsideFiles = true
            try QEMU.requireIdentical(raw, try await convert(source), format: "qcow2")
        }
    }

    @Test func oneOfSeveralDisksMustBeNamed() async throws {
        try directory.write([UInt8](repeating: 0x61, count: 1 << 20), to: "first.raw")
        try pack(
            [.init("first.raw", capacity: 1), .init("disk.raw", capacity: 9), .init(nil, capacity: 3)],
            ["first.raw", "disk.raw"])
        for image in ["vm.ova", "vm.ovf"].map({ directory.file($0) }) {
            let error = try #require(await failure(DiskImageSource(path: image)))
            #expect(error.code == .invalidOption)
            #expect(error.description.contains("2 = \"disk.raw\", 9436672 bytes; 3 = blank, 3145728 bytes"))
            try await requireRight(image, disk: 2)
            var source = DiskImageSource(path: image)
            source.disk = 3
            let blank = directory.file("blank.raw")
            try Tool.check("truncate", ["-s", "3M", blank])
            try QEMU.requireIdentical(blank, try await convert(source), format: "qcow2")
            for number in [0, 4, -1, .max] {
                source.disk = number
                #expect(await failure(source)?.code == .invalidOption)
            }
        }
        var plain = DiskImageSource(path: raw)
        plain.disk = 1
        #expect(await failure(plain)?.code == .invalidOption)
    }

    /// Sizes and offsets beyond what octal digits, or 32 bits, can say.
    @Test(arguments: [TarBuilder.Style.gnu, .pax]) func disksOfMoreThan8GiB(style: TarBuilder.Style) async throws {
        let size: UInt64 = 9 << 30
        var builder = TarBuilder(style: style)
        builder.add("huge.img", nil, size: size)
        let start = UInt64(builder.bytes.count)
        var rest = TarBuilder()
        rest.add(
            "vm.ovf", Array(OVF.text([.init("huge.img", capacity: 9 << 10), .init("disk.raw", capacity: 9)]).utf8))
        rest.add("disk.raw", try contents(of: raw))
        let archive = try FileHandle(forWritingTo: URL(filePath: try directory.write(builder.bytes, to: "vm.ova")))
        let pattern = Data(repeating: 0x5A, count: 100_000)
        try archive.seek(toOffset: start + (17 << 29))
        try archive.write(contentsOf: pattern)
        try archive.seek(toOffset: start + size)
        try archive.write(contentsOf: Data(rest.archive))
        try archive.close()
        try await requireRight(directory.file("vm.ova"), disk: 2)

        let expected = directory.file("huge.img")
        try Tool.check("truncate", ["-s", "\(size)", expected])
        let plain = try FileHandle(forWritingTo: URL(filePath: expected))
        try plain.seek(toOffset: 17 << 29)
        try plain.write(contentsOf: pattern)
        try plain.close()
        var source = DiskImageSource(path: directory.file("vm.ova"))
        source.disk = 1
        try QEMU.requireIdentical(expected, try await convert(source), format: "qcow2")
    }

    @Test func aVMXNamesItsDisks() async throws {
        try QEMU.convert(raw, to: directory.file("web \"01\".vmdk"), format: "vmdk")
        try Tool.check("qemu-img", ["create", "-q", "-f", "vmdk", directory.file("data.vmdk"), "1M"])
        let text = """
            #!/usr/bin/vmware
            .encoding = "UTF-8"
            config.version = "8"
            virtualHW.version = "19"
            ide1:0.present = "TRUE"
            ide1:0.deviceType = "cdrom-image"
            ide1:0.fileName = "disk.raw"
            scsi0:1.present = "TRUE"
            scsi0:1.fileName = "/vmfs/volumes/4f1c/web/data.vmdk"
            SCSI0:0.FILENAME = "web |2201|22.vmdk"
            scsi0:0.present = "TRUE"
            scsi0:2.present = "FALSE"
            scsi0:2.fileName = "gone.vmdk"
            sata0:1.fileName = "tools.iso"
            """
        for lineEnd in ["\n", "\r\n"] {
            let image = try directory.write(Array(text.replacing("\n", with: lineEnd).utf8), to: "web.vmx")
            let error = try #require(await failure(DiskImageSource(path: image)))
            #expect(error.code == .invalidOption && error.description.contains("has 2 disks"))
            try await requireRight(image, disk: 1)
        }
    }

    @Test func whatIsKnownAboutTheDisksIsListed() throws {
        try QEMU.convert(raw, to: directory.file("disk.vmdk"), format: "vmdk", options: "subformat=streamOptimized")
        try pack([.init("disk.vmdk", capacity: 8), .init("gone.vmdk", capacity: 2)], ["disk.vmdk"])
        let info = try DiskImageSource(path: directory.file("vm.ova")).info()
        #expect(info.format.rawValue == "ova" && info.virtualSize == 9_436_672 + (2 << 20))
        #expect(info.warnings.contains { $0.contains("gone.vmdk") })
        #expect(info.warnings.contains { $0.contains("has 9436672 bytes; the description says 8388608") })
        guard case .list(let disks)? = info.formatSpecific.first?.value, case .object(let first)? = disks.first else {
            Issue.record("no disks")
            return
        }
        let facts = first.map { "\($0.key)=\($0.value)" }
        #expect(facts.contains("format=string(\"vmdk\")") && facts.contains("virtual-size=integer(9436672)"))
    }
}
