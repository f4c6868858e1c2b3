import Foundation
import TestSupport
import Testing

/// Damaged images end in the documented error, at once and in little memory: no trap, no output.
@Suite struct DamagedInputTests {
    /// Bounds for one refusal, in KiB and seconds of processor time.
    static let memoryBound = 64 << 10
    static let timeBound = 1.0

    let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    @Test(
        arguments: Damage.qcow2 + Damage.qcow2Bitmaps + Damage.vmdk + Damage.stream + Damage.vdi + Damage.vhd
            + Damage.vhdx + Damage.vhdxSnapshot + Damage.ova + Damage.ovf)
    func isRefused(damage: Damage) throws {
        let image = try damage.image()
        try refuse(try directory.write(image.bytes, to: "image." + image.format), status: damage.status)
    }

    @Test(arguments: Damage.qcow2Snapshots)
    func isRefusedWhereItsSnapshotIsRead(damage: Damage) throws {
        let image = try damage.image()
        let path = try directory.write(image.bytes, to: "image." + image.format)
        try refuse(path, status: damage.status, options: ["-l", "1"])
    }

    /// Every field of every header at 0, 1, its maximum, and one off in both directions.
    @Test(arguments: ["qcow2", "vmdk", "stream", "vdi", "vhd", "vhdx"])
    func headerFieldsAtTheirLimitsAreRefusedOrHarmless(kind: String) throws {
        let image: DamagedImage
        let fields: [(offset: Int, length: Int)]
        if kind == "qcow2" {
            image = try .qcow2()
            fields = [
                (4, 4), (8, 8), (16, 4), (20, 4), (24, 8), (32, 4), (36, 4), (40, 8), (48, 8), (56, 4), (60, 4),
                (64, 8),
                (72, 8), (80, 8), (88, 8), (96, 4), (100, 4), (104, 1),
            ]
        } else if kind == "vdi" {
            image = try .vdi()
            fields = [(68, 4), (72, 4), (76, 4), (340, 4), (344, 4), (360, 4), (368, 8), (376, 4), (380, 4), (384, 4)]
        } else if kind == "vhd" {
            image = try .vhdWithOneFooter()
            let header = image.vhdHeader
            fields =
                [(8, 4), (12, 4), (16, 8), (48, 8), (56, 4), (60, 4), (64, 4), (84, 1)]
                + [(8, 8), (16, 8), (24, 4), (28, 4), (32, 4), (36, 4)].map { (header + $0.0, $0.1) }
        } else if kind == "vhdx" {
            image = .dirtyVHDX()
            let structures: [(start: Int, fields: [(Int, Int)])] = [
                (128 << 10, [(8, 8), (32, 8), (48, 8), (64, 2), (66, 2), (68, 4), (72, 8)]),
                (192 << 10, [(8, 4), (16, 8), (32, 8), (40, 4), (44, 4)]),
                (VHDXBuilder.metadataStart, [(0, 8), (10, 2), (32, 8), (48, 4), (52, 4), (56, 4)]),
                (VHDXBuilder.metadataStart + 65536, [(0, 4), (4, 4), (8, 8), (32, 4), (36, 4)]),
                (VHDXBuilder.logStart, [(0, 4), (8, 4), (12, 4), (16, 8), (24, 4), (32, 8), (48, 8), (56, 8)]),
                (VHDXBuilder.logStart + 64, [(0, 4), (16, 8), (24, 8)]),
            ]
            fields = structures.flatMap { structure in structure.fields.map { (structure.start + $0.0, $0.1) } }
        } else {
            image = kind == "vmdk" ? try .vmdk() : try .stream()
            fields = [
                (4, 4), (8, 4), (12, 8), (20, 8), (28, 8), (36, 8), (44, 4), (48, 8), (56, 8), (64, 8), (72, 1),
                (73, 4),
                (77, 2),
            ]
        }
        let isBigEndian = kind == "qcow2" || kind == "vhd"
        for field in fields {
            let range = field.offset..<field.offset + field.length
            let stored = isBigEndian ? Array(image.bytes[range]) : image.bytes[range].reversed()
            let value = stored.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            let maximum = field.length == 8 ? UInt64.max : (1 << UInt64(field.length * 8)) - 1
            for changed in Set([0, 1, maximum, value &+ 1 & maximum, value &- 1 & maximum]) where changed != value {
                var bytes = image.bytes
                let big = (0..<field.length).map {
                    UInt8(truncatingIfNeeded: changed >> UInt64(8 * (field.length - 1 - $0)))
                }
                bytes.replaceSubrange(range, with: isBigEndian ? big : big.reversed())
                if kind == "vhdx" {
                    var repaired = DamagedImage(bytes: bytes, format: "vhdx")
                    repaired.repairVHDX()
                    bytes = repaired.bytes
                }
                // A changed size is a sound image of a disk that ends elsewhere.
                let isSize =
                    (kind == "qcow2" && field.offset == 24) || (kind == "vdi" && field.offset == 368)
                    || (kind == "vhd" && field.offset == 48)
                    || (kind == "vhdx" && field.offset == VHDXBuilder.metadataStart + 65536 + 8)
                let size = isSize ? changed : UInt64.max
                try refuseOrConvertRight(
                    bytes, image.format, size: size, "\(kind) field at \(field.offset) = \(changed)")
            }
        }
    }

    @Test func extentsMustBeThereAndWhole() throws {
        let raw = try directory.write(DamagedImage.content.bytes(), to: "raw")
        let image = directory.file("flat.vmdk")
        try QEMU.convert(raw, to: image, format: "vmdk", options: "subformat=monolithicFlat")
        let flat = directory.file("flat-flat.vmdk")
        truncate(flat, 9_000_000)
        try refuse(image, status: 12)
        unlink(flat)
        try refuse(image, status: 10)
    }

    @Test(arguments: ["/etc/passwd", "../outside.raw", "sub/../../outside.raw", "link.raw", "/dev/zero"])
    func extentsMustNotLeadOutside(name: String) throws {
        let image = try directory.write(
            Array(descriptor(extent: "RW 1 FLAT \"\(name)\" 0").utf8), to: "in/image.vmdk", parents: true)
        try directory.write([UInt8](repeating: 0x53, count: 4096), to: "outside.raw")
        try? FileManager.default.createSymbolicLink(
            atPath: directory.file("in/link.raw"), withDestinationPath: directory.file("outside.raw"))
        let result = try Tool.run(Tool.converter, ["-O", "raw", image, directory.file("out")])
        #expect([10, 13].contains(result.status), "\(result.error)")
        #expect(!directory.names.contains("out"))
        if name == "link.raw" {
            #expect(result.error.contains("--allow-outside-files"))
            let allowed = ["--allow-outside-files", "-O", "raw", image, directory.file("out")]
            #expect(try Tool.run(Tool.converter, allowed).status == 0)
        }
    }

    @Test(arguments: [
        "RW many FLAT \"x\"", "RW 1 FLAT", "RW 99999999999999999999 FLAT \"x\"", "RW 18446744073709551615 ZERO",
        "RW 36028797018963967 ZERO", "RW 18014398509481984 ZERO", "RW 1 HOLOGRAM \"x\"", "",
        "RW 36028797018963967 ZERO\nRW 36028797018963967 ZERO",
    ])
    func descriptorsMustMakeSense(extents: String) throws {
        try refuse(try directory.write(Array(descriptor(extent: extents).utf8), to: "image.vmdk"), status: 12)
    }

    @Test(arguments: [
        ("QED\0", 0), ("LUKS", 0), ("# Disk DescriptorFile", 512),
        ("7z", 0), ("LZIP\u{1}", 0), ("MSWIM\0\0\0", 0), ("VMA\0\0\0\0\u{1}", 0),
        ("Bochs Virtual HD Image", 0), ("<!DOCTYPE html>", 0), ("koly", (1 << 20) - 512),
    ])
    func whatLooksLikeAnotherFormatIsNeverRaw(mark: String, offset: Int) throws {
        var bytes = [UInt8](repeating: 0x11, count: 1 << 20)
        var signature = Array(mark.utf8)
        if mark == "LUKS" { signature += [0xBA, 0xBE] }
        if mark == "7z" { signature += [0xBC, 0xAF, 0x27, 0x1C] }
        bytes.replaceSubrange(offset..<offset + signature.count, with: signature)
        let image = try directory.write(bytes, to: "image.raw")
        try refuse(image, status: 11)
        #expect(try Tool.run(Tool.converter, ["-f", "raw", image, directory.file("out.raw")]).status == 0)
    }

    /// What has the name of an image, and nothing of one, is no raw disk; an extent's name promises raw data.
    @Test(arguments: ["vmdk", "QCOW2", "vhd", "vhdx", "vdi", "ova"])
    func namesPromiseAFormat(suffix: String) throws {
        for bytes in [[UInt8](repeating: 0, count: 1 << 20), [UInt8](repeating: 0x11, count: 1 << 20), []] {
            let image = try directory.write(bytes, to: "image." + suffix)
            try refuse(image, status: 11)
            try Tool.check(Tool.converter, ["-f", "raw", image, directory.file("out.raw")])
            try FileManager.default.removeItem(atPath: directory.file("out.raw"))
        }
    }

    @Test func remainsOfAVMDKAreNeverRaw() throws {
        let raw = try directory.write(DamagedImage.content.bytes(), to: "raw")
        try QEMU.convert(
            raw, to: directory.file("split.vmdk"), format: "vmdk", options: "subformat=twoGbMaxExtentSparse")
        var extent = try contents(of: directory.file("split-s001.vmdk"))
        extent[0] ^= 0xFF
        try refuse(try directory.write(extent, to: "broken.vmdk"), status: 11)
        var stream = try DamagedImage.stream().bytes
        stream.replaceSubrange(0..<80, with: [UInt8](repeating: 0, count: 80))
        try refuse(try directory.write(stream, to: "stream.vmdk"), status: 11)
    }

    @Test func aSparseFileThatIsListedOftenTakesNoMemory() throws {
        let raw = try directory.write(DamagedImage.content.bytes(), to: "raw")
        try QEMU.convert(raw, to: directory.file("one.vmdk"), format: "vmdk")
        let lines = (0..<1000).map { _ in "RW 18431 SPARSE \"one.vmdk\"" }.joined(separator: "\n")
        try refuse(try directory.write(Array(descriptor(extent: lines).utf8), to: "image.vmdk"), status: 12)
    }

    @Test func theForcedFormatMustBeThere() throws {
        let raw = try directory.write(DamagedImage.content.bytes(), to: "raw")
        for format in ["qcow2", "vmdk"] { try refuse(raw, status: 11, options: ["-f", format]) }
    }

    // MARK: Judging

    private func descriptor(extent: String) -> String {
        "# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\ncreateType=\"custom\"\n\(extent)\n"
    }

    private func refuse(_ image: String, status: Int32, options: [String] = []) throws {
        let out = directory.file("out.raw")
        let (result, memory, time) = try Tool.measure(options + [image, out])
        #expect(result.status == status, "\(result.error)")
        #expect(
            result.error.hasPrefix("v2v-convert: ") && result.error.contains(image.split(separator: "/").last ?? ""))
        #expect(memory < Self.memoryBound)
        #expect(time < Self.timeBound)
        #expect(
            !FileManager.default.fileExists(atPath: out) && !FileManager.default.fileExists(atPath: out + ".partial"))
    }

    private func refuseOrConvertRight(
        _ bytes: [UInt8], _ format: String, size: UInt64, _ change: String
    ) throws {
        let image = try directory.write(bytes, to: "image." + format)
        let out = directory.file("out.raw")
        defer { unlink(out) }
        let (result, memory, time) = try Tool.measure(["-q", image, out])
        #expect(memory < Self.memoryBound && time < Self.timeBound, "\(change)")
        if [11, 12, 13].contains(result.status) {
            #expect(!FileManager.default.fileExists(atPath: out), "\(change)")
            return
        }
        #expect(result.status == 0, "\(change): \(result.error)")
        // Harmless: the content is the same, as far as the disk reaches. Otherwise it is a sound image of another disk,
        // and qemu-img reads it as we do.
        let content = DamagedImage.content.bytes().prefix(Int(clamping: size))
        let written = try contents(of: out)
        let shared = min(content.count, written.count)
        if written[..<shared] == content[..<shared], written[shared...].allSatisfy({ $0 == 0 }) { return }
        let verdict = try Tool.run("qemu-img", ["compare", "-f", format, "-F", "raw", image, out])
        #expect(verdict.status == 0, "\(change): \(verdict.output)\(verdict.error)")
    }
}
