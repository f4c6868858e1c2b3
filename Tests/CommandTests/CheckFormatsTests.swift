import ByteLayout
import Foundation
import TestSupport
import Testing

/// `check` accepts the images of other formats that others write, and finds what is done to them.
@Suite struct CheckFormatsTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    @Test(arguments: [
        ("vmdk", ""), ("vmdk", "zeroed_grain=on"), ("vmdk", "subformat=monolithicFlat"),
        ("vmdk", "subformat=twoGbMaxExtentSparse"), ("vmdk", "subformat=twoGbMaxExtentFlat"),
        ("vmdk", "subformat=streamOptimized"), ("vdi", ""), ("vdi", "static=on"), ("vpc", ""),
        ("vpc", "subformat=fixed,force_size=on"), ("vhdx", ""), ("vhdx", "subformat=fixed"),
    ])
    func acceptsWhatQemuImgWrites(format: String, options: String) throws {
        let raw = try directory.write(DamagedImage.content.bytes(), to: "disk.raw")
        let image = directory.file("image")
        try QEMU.convert(raw, to: image, format: format, options: options)
        try requireSound(image)
        // For want of a check qemu-img says 63 about VHDs.
        #expect(try CheckResult.theirs(image, format: format).status == (format == "vpc" ? 63 : 0))
    }

    @Test func acceptsWhatOthersWrite() throws {
        let disk = DamagedImage.content.bytes()
        try requireSound(try directory.write(try DamagedImage.stream().bytes, to: "stream.vmdk"))
        try requireSound(try directory.write(VHDBuilder().sparse(disk), to: "blocks.vhd"))
        var short = VHDBuilder()
        short.footerLength = 511
        try requireSound(try directory.write(short.fixed(disk), to: "short.vhd"))
        try requireSound(try directory.write(VHDXBuilder(disk).image(), to: "base.vhdx"))
        // A chain: the snapshot is looked at, and whether the parent is the one it was.
        let parent = [("relative_path", "base.vhdx"), ("parent_linkage", "{D1D1D1D1-D1D1-D1D1-D1D1-D1D1D1D1D1D1}")]
        let snapshot = VHDXBuilder(disk, parent: parent) { $0 % 3 == 0 }
        try requireSound(try directory.write(snapshot.image(), to: "snapshot.vhdx"))
    }

    private func requireSound(_ image: String) throws {
        let ours = try CheckResult.ours(image)
        #expect(ours.status == 0 && ours.findings.isEmpty, "\(image): \(ours)")
    }

    @Test(arguments: FormatDamage.all)
    func finds(damage: FormatDamage) throws {
        let image = try damage.image()
        let path = try directory.write(image.bytes, to: "image")
        let ours = try CheckResult.ours(path)
        #expect(ours.status == 2 && ours.corruptions == damage.corruptions, "\(ours)")
        if damage.isKnownToQemuImg {
            #expect(try CheckResult.theirs(path, format: image.format).corruptions == damage.corruptions)
        }
    }

    @Test func findsShortExtents() throws {
        let raw = try directory.write(DamagedImage.content.bytes(), to: "disk.raw")
        let image = directory.file("disk.vmdk")
        try QEMU.convert(raw, to: image, format: "vmdk", options: "subformat=monolithicFlat")
        #expect(truncate(directory.file("disk-flat.vmdk"), 1 << 20) == 0)
        let ours = try CheckResult.ours(image)
        #expect(ours.status == 2 && ours.corruptions == 1, "\(ours)")
    }

    @Test func findsParentsThatHaveChanged() throws {
        let base = directory.file("base.vmdk")
        let snapshot = directory.file("snapshot.vmdk")
        try Tool.check("qemu-img", ["create", "-q", "-f", "vmdk", base, "8M"])
        try Tool.check("qemu-img", ["create", "-q", "-f", "vmdk", "-b", "base.vmdk", "-F", "vmdk", snapshot])
        try requireSound(snapshot)
        // The first write changes the content ID.
        try Tool.check("qemu-io", ["-f", "vmdk", "-c", "write 0 64k", base])
        let ours = try CheckResult.ours(snapshot)
        #expect(ours.status == 2 && ours.findings.contains("has changed since"), "\(ours)")
    }

    @Test func tellsByItsStatusWhatItCannotDo() throws {
        let raw = try directory.write([UInt8](repeating: 1, count: 4096), to: "disk.raw")
        let vdi = try directory.write(try DamagedImage.vdi().bytes, to: "disk.vdi")
        let wrong = try directory.write(Array("QFI".utf8) + [0xFB, 9, 9, 9, 9], to: "wrong.qcow2")
        for (arguments, status) in [
            (["-f", "raw", raw], 63), (["-r", "all", vdi], 63), ([directory.file("nothing")], 1), ([], 1),
            (["-r", "some", vdi], 1), (["--output", "xml", vdi], 1), (["-f", "none", vdi], 1), ([wrong], 1),
            (["-f", "vdi", raw], 1),
        ] as [([String], Int32)] {
            #expect(try Tool.run(Tool.converter, ["check"] + arguments).status == status, "\(arguments)")
            #expect(try Tool.run("qemu-img", ["check"] + arguments).status == status, "\(arguments)")
        }
        let failure = try Tool.run(Tool.converter, ["check", "--output", "json", wrong])
        #expect(failure.output.contains("\"code\" : \"input-damaged\""), "\(failure)")
    }
}

/// A change to an image of another format.
struct FormatDamage: Sendable, CustomTestStringConvertible {
    var testDescription: String
    /// How many corruptions it is.
    var corruptions: Int
    /// Whether `qemu-img check` finds as many.
    var isKnownToQemuImg: Bool
    var image: @Sendable () throws -> DamagedImage

    init(
        _ name: String, corruptions: Int = 1, isKnownToQemuImg: Bool = false,
        _ image: @escaping @Sendable () throws -> DamagedImage,
        _ change: @escaping @Sendable (inout DamagedImage) -> Void
    ) {
        testDescription = name
        self.corruptions = corruptions
        self.isKnownToQemuImg = isKnownToQemuImg
        self.image = {
            var changed = try image()
            change(&changed)
            return changed
        }
    }

    static let all = vmdk + stream + vdi + vhd + vhdx

    private static let vmdk: [FormatDamage] = {
        let image: @Sendable () throws -> DamagedImage = { try .vmdk() }
        return [
            FormatDamage("VMDK: two entries name a grain", corruptions: 2, image) {
                $0.set($0.little32(at: $0.usedTableEntry).u32, at: $0.usedTableEntry + 4)
            },
            FormatDamage("VMDK: a grain past the end", corruptions: 2, image) {
                $0.set(UInt32.max, at: $0.usedTableEntry)
            },
            FormatDamage("VMDK: a grain in the header", corruptions: 2, image) {
                $0.set(UInt32(2), at: $0.usedTableEntry)
            },
            FormatDamage("VMDK: the redundant table differs", image) {
                let directory = $0.little64(at: 48) * 512
                $0.bytes[$0.little32(at: directory) * 512 + 1] ^= 1
            },
            FormatDamage("VMDK: the redundant directory past the end", image) { $0.set(UInt64(1) << 40, at: 48) },
            FormatDamage("VMDK: a table past the end", image) { $0.set(UInt32.max, at: $0.directory) },
            FormatDamage("VMDK: a table of the redundant directory past the end", image) {
                $0.set(UInt32.max, at: $0.little64(at: 48) * 512)
            },
        ]
    }()

    private static let stream: [FormatDamage] = {
        let image: @Sendable () throws -> DamagedImage = { try .stream() }
        return [
            FormatDamage("stream: a grain of another place", image) { $0.bytes[$0.streamGrain] ^= 0x80 },
            FormatDamage("stream: a grain of no size", image) { $0.set(UInt32(0), at: $0.streamGrain + 8) },
            FormatDamage("stream: a table without its marker", image) { $0.bytes[$0.streamTable - 500] ^= 1 },
            FormatDamage("stream: a directory without its marker", image) { $0.bytes[$0.streamDirectory - 512] ^= 1 },
            FormatDamage("stream: no mark of the end", image) { $0.cut(to: $0.bytes.count - 512) },
        ]
    }()

    private static let vdi: [FormatDamage] = {
        let image: @Sendable () throws -> DamagedImage = { try .vdi() }
        return [
            FormatDamage("VDI: a block named twice", isKnownToQemuImg: true, image) {
                $0.set($0.little32(at: $0.vdiEntries[0]).u32, at: $0.vdiEntries[1])
            },
            FormatDamage("VDI: an impossible block", corruptions: 2, isKnownToQemuImg: true, image) {
                $0.set(UInt32(1_000_000), at: $0.vdiEntries[0])
            },
            FormatDamage("VDI: the wrong count", isKnownToQemuImg: true, image) { $0.bytes[388] ^= 0x40 },
            FormatDamage("VDI: a block past the end", image) { $0.cut(to: $0.bytes.count - 1 << 20) },
        ]
    }()

    private static let vhd: [FormatDamage] = {
        let image: @Sendable () throws -> DamagedImage = { try .vhd() }
        return [
            FormatDamage("VHD: the footer's checksum", image) { $0.bytes[$0.bytes.count - 512 + 65] ^= 1 },
            FormatDamage("VHD: the checksum of the footer's copy", image) { $0.bytes[65] ^= 1 },
            FormatDamage("VHD: the dynamic header's checksum", image) { $0.bytes[$0.vhdHeader + 37] ^= 1 },
            FormatDamage("VHD: two blocks at one place", image) {
                let first = $0.vhdTable
                $0.bytes.replaceSubrange(first + 4..<first + 8, with: $0.bytes[first..<first + 4])
            },
            FormatDamage("VHD: a block past the end", image) { $0.set32(0x00FF_FFFF, bigEndianAt: $0.vhdTable) },
            FormatDamage("VHD: a block in the header", image) { $0.set32(1, bigEndianAt: $0.vhdTable) },
        ]
    }()

    private static let vhdx: [FormatDamage] = {
        let image: @Sendable () throws -> DamagedImage = { try .vhdx() }
        return [
            FormatDamage("VHDX: a header", image) { $0.bytes[64 << 10 + 20] ^= 1 },
            FormatDamage("VHDX: a region table", image) { $0.bytes[256 << 10 + 40] ^= 1 },
            FormatDamage("VHDX: region tables that differ", image) {
                $0.set(UInt32(1), at: 44, ofChecked: [256 << 10], length: 65536)
            },
            FormatDamage("VHDX: a log to be replayed", { DamagedImage.dirtyVHDX() }) { _ in },
            FormatDamage("VHDX: two entries name a block", image) {
                $0.set($0.bytes.littleEndian(UInt64.self, at: $0.vhdxTable), at: $0.vhdxTable + 8)
            },
            FormatDamage("VHDX: a block past the end", isKnownToQemuImg: true, image) {
                $0.set(UInt64(1) << 40 | 6, at: $0.vhdxTable)
            },
            FormatDamage("VHDX: a block in the log", image) { $0.set(UInt64(1) << 20 | 6, at: $0.vhdxTable) },
            FormatDamage("VHDX: an entry that is impossible", image) { $0.set(UInt64(4), at: $0.vhdxTable) },
        ]
    }()
}

extension DamagedImage {
    /// Positions of the entries of a VDI's map that name a block.
    fileprivate var vdiEntries: [Int] {
        let start = little32(at: 340)
        return stride(from: start, to: start + little32(at: 384) * 4, by: 4).filter { little32(at: $0) < 1 << 20 }
    }
}

extension Int {
    fileprivate var u32: UInt32 { UInt32(truncatingIfNeeded: self) }
}
