import ByteLayout
import Foundation
import TestSupport
import Testing

/// A sound image whose bytes tests change, and where its structures are.
struct DamagedImage: Sendable {
    var bytes: [UInt8]
    /// Extension of the file's name.
    var format: String

    static let content = DiskContent.mixed

    static func qcow2(_ options: String = "", compress: Bool = false) throws -> DamagedImage {
        try made("qcow2", options, compress: compress)
    }

    static func vmdk(_ subformat: String = "monolithicSparse") throws -> DamagedImage {
        try made("vmdk", "subformat=\(subformat)")
    }

    static func vdi() throws -> DamagedImage { try made("vdi", "static=off") }

    /// A dynamic VHD.
    static func vhd() throws -> DamagedImage { try madeVHD.get() }
    private static let madeVHD = Result { try made("vpc", "subformat=dynamic,force_size=on") }

    /// A dynamic VHD of which only the footer's copy is left.
    static func vhdWithOneFooter() throws -> DamagedImage {
        var image = try vhd()
        image.cut(to: image.bytes.count - 512)
        return image
    }

    /// A dynamic VHDX.
    static func vhdx() throws -> DamagedImage { try madeVHDX.get() }
    private static let madeVHDX = Result { try made("vhdx", "block_size=1M") }

    /// A VHDX whose log is not empty: it has an entry with a sector of the block table, which is what is in place, too.
    static func dirtyVHDX() -> DamagedImage {
        var builder = VHDXBuilder(content.bytes())
        builder.logGUID = [UInt8](repeating: 0x10, count: 16)
        var bytes = builder.image()
        VHDXLogEntry(
            sequence: 1, tail: 0, guid: [UInt8](repeating: 0x10, count: 16), fileSize: bytes.count,
            changes: [.sector(offset: VHDXBuilder.tableStart, Array(bytes[VHDXBuilder.tableStart...].prefix(4096)))]
        ).write(to: &bytes, at: 0)
        return DamagedImage(bytes: bytes, format: "vhdx")
    }

    /// A snapshot that has every sector of its first block in part, without its parent.
    static func vhdxSnapshot() throws -> DamagedImage {
        let builder = VHDXBuilder(content.bytes(), parent: [("relative_path", "base.vhdx")]) { $0 != 7 }
        return DamagedImage(bytes: builder.image(), format: "vhdx")
    }

    /// A snapshot that has every sector, without its parent.
    static func vhdSnapshot() throws -> DamagedImage {
        var builder = VHDBuilder()
        builder.parent = VHDBuilder.Parent(
            identifier: builder.identifier, name: "base.vhd", locators: [("W2ru", ".\\base.vhd")])
        return DamagedImage(bytes: builder.sparse(content.bytes()), format: "vpc")
    }

    /// A stream in VMware's order.
    static func stream() throws -> DamagedImage {
        images.value("stream") {
            let builder = VMDKStreamBuilder { (try? deflated($0, windowBits: 15)) ?? [] }
            return DamagedImage(bytes: builder.image(of: content.bytes()), format: "vmdk")
        }
    }

    private static let images = Memo<DamagedImage>()

    private static func made(_ format: String, _ options: String, compress: Bool = false) throws -> DamagedImage {
        try images.value("\(format) \(options) \(compress)") { try make(format, options, compress: compress) }
    }

    private static func make(_ format: String, _ options: String, compress: Bool) throws -> DamagedImage {
        let directory = try TemporaryDirectory()
        let raw = try directory.write(content.bytes(), to: "raw")
        let image = directory.file("image")
        try QEMU.convert(raw, to: image, format: format, options: options, compress: compress)
        return DamagedImage(bytes: try contents(of: image), format: format)
    }

    // MARK: Reading and writing fields

    func bigEndian(at offset: Int) -> UInt64 { bytes.bigEndian(UInt64.self, at: offset) }
    func little32(at offset: Int) -> Int { Int(bytes.littleEndian(UInt32.self, at: offset)) }
    func little64(at offset: Int) -> Int { Int(truncatingIfNeeded: bytes.littleEndian(UInt64.self, at: offset)) }

    mutating func set32(_ value: UInt32, bigEndianAt offset: Int) { bytes.storeBigEndian(value, at: offset) }
    mutating func set64(_ value: UInt64, bigEndianAt offset: Int) { bytes.storeBigEndian(value, at: offset) }

    mutating func set(_ value: some FixedWidthInteger, at offset: Int) {
        bytes.replaceSubrange(offset..<offset + value.bitWidth / 8, with: littleEndian(value))
    }

    mutating func cut(to length: Int) { bytes.removeLast(bytes.count - length) }

    // MARK: VHD

    /// Position of the dynamic header, and of the block table.
    var vhdHeader: Int { Int(bigEndian(at: 16)) }
    var vhdTable: Int { Int(bigEndian(at: vhdHeader + 16)) }

    /// Changes a field of the footer and of its copy, whose checksums are made right again.
    mutating func setFooter(_ value: some FixedWidthInteger & BitwiseCopyable, at offset: Int) {
        for start in [0, bytes.count - 512] {
            bytes.storeBigEndian(value, at: start + offset)
            set32(0, bigEndianAt: start + 64)
            set32(VHDBuilder.checksum(Array(bytes[start..<start + 512])), bigEndianAt: start + 64)
        }
    }

    /// Changes a field of the dynamic header, whose checksum is made right again.
    mutating func setVHDHeader(_ value: some FixedWidthInteger & BitwiseCopyable, at offset: Int) {
        let start = vhdHeader
        bytes.storeBigEndian(value, at: start + offset)
        set32(0, bigEndianAt: start + 36)
        set32(VHDBuilder.checksum(Array(bytes[start..<start + 1024])), bigEndianAt: start + 36)
    }

    // MARK: VHDX

    /// Changes a field of one or both of the structures of `length` bytes at `positions`, whose checksums are made right.
    mutating func set(
        _ value: some FixedWidthInteger, at offset: Int, ofChecked positions: [Int], length: Int
    ) {
        for start in positions {
            set(value, at: start + offset)
            set(UInt32(0), at: start + 4)
            let checked = VHDXBuilder.checked(Array(bytes[start..<start + length]), length: length)
            bytes.replaceSubrange(start..<start + length, with: checked)
        }
    }

    /// Makes the checksums right of what the tests change: the newer header, the first region table, the entry of the log.
    mutating func repairVHDX() {
        for (start, length) in [(128 << 10, 4096), (192 << 10, 65536), (VHDXBuilder.logStart, 8192)] {
            set(UInt32(0), at: 4, ofChecked: [start], length: length)
        }
    }

    mutating func setVHDXHeader(_ value: some FixedWidthInteger, at offset: Int) {
        set(value, at: offset, ofChecked: [64 << 10, 128 << 10], length: 4096)
    }

    mutating func setRegionTable(_ value: some FixedWidthInteger, at offset: Int) {
        set(value, at: offset, ofChecked: [192 << 10, 256 << 10], length: 65536)
    }

    /// Position of region number `index`.
    func region(_ index: Int) -> Int { little64(at: 192 << 10 + 16 + index * 32 + 16) }
    /// qemu-img lists the block table first.
    var vhdxTable: Int { region(0) }
    var vhdxMetadata: Int { region(1) }
    /// Position of item number `index` of the metadata.
    func vhdxItem(_ index: Int) -> Int { vhdxMetadata + little32(at: vhdxMetadata + 32 + index * 32 + 16) }

    // MARK: qcow2

    var l1: Int { Int(bigEndian(at: 40)) }
    private static let offsetMask: UInt64 = 0x00FF_FFFF_FFFF_FE00
    var l2: Int { Int(bigEndian(at: l1) & Self.offsetMask) }
    /// Position of the first entry of the L2 table that is not zero.
    var usedL2Entry: Int { stride(from: l2, to: l2 + 65536, by: 8).first { bigEndian(at: $0) != 0 } ?? l2 }

    // MARK: VMDK

    var directory: Int { little64(at: 56) * 512 }
    var firstTable: Int { little32(at: directory) * 512 }
    /// Position of the first entry of the first grain table that is not zero.
    var usedTableEntry: Int {
        stride(from: firstTable, to: firstTable + 2048, by: 4).first { little32(at: $0) != 0 } ?? 0
    }
    var firstGrain: Int { little32(at: usedTableEntry) * 512 }

    // MARK: Streams

    var footer: Int { bytes.count - 1024 }
    var streamDirectory: Int { little64(at: footer + 56) * 512 }
    var streamTable: Int { little32(at: streamDirectory) * 512 }
    var streamGrain: Int {
        (stride(from: streamTable, to: streamTable + 2048, by: 4).map { little32(at: $0) }.first { $0 != 0 } ?? 0) * 512
    }
}

/// A change that no reader may overlook.
struct Damage: Sendable, CustomTestStringConvertible {
    var testDescription: String
    /// The exit status: 12 damaged, 13 unsupported, 11 unknown format.
    var status: Int32
    var image: @Sendable () throws -> DamagedImage

    /// A change that makes the image damaged.
    init(
        _ name: String, _ image: @escaping @Sendable () throws -> DamagedImage,
        _ change: @escaping @Sendable (inout DamagedImage) -> Void
    ) {
        self.init(name, 12, image, change)
    }

    init(
        _ name: String, _ status: Int32, _ image: @escaping @Sendable () throws -> DamagedImage,
        _ change: @escaping @Sendable (inout DamagedImage) -> Void
    ) {
        testDescription = name
        self.status = status
        self.image = {
            var image = try image()
            change(&image)
            return image
        }
    }

    private static let copied = UInt64(1) << 63
    private static let compressed = UInt64(1) << 62
    private static let farAway = UInt64(1) << 44

    static let qcow2: [Damage] = {
        let plain: @Sendable () throws -> DamagedImage = { try .qcow2() }
        let version2: @Sendable () throws -> DamagedImage = { try .qcow2("compat=0.10") }
        let zlib: @Sendable () throws -> DamagedImage = { try .qcow2(compress: true) }
        let zstd: @Sendable () throws -> DamagedImage = { try .qcow2("compression_type=zstd", compress: true) }
        let damages: [Damage] = [
            Damage("qcow2: no magic, the rest is there", 11, plain) { $0.set(UInt32(0), at: 0) },
            Damage("qcow2: version 4", 13, plain) { $0.set32(4, bigEndianAt: 4) },
            Damage("qcow2: clusters of 256 bytes", plain) { $0.set32(8, bigEndianAt: 20) },
            Damage("qcow2: clusters of 4 MiB", plain) { $0.set32(22, bigEndianAt: 20) },
            Damage("qcow2: impossible size", plain) { $0.set64(.max, bigEndianAt: 24) },
            Damage("qcow2: size beyond the L1 table", plain) { $0.set64(1 << 40, bigEndianAt: 24) },
            Damage("qcow2: no L1 entries", plain) { $0.set32(0, bigEndianAt: 36) },
            Damage("qcow2: 2^32 L1 entries", plain) { $0.set32(.max, bigEndianAt: 36) },
            Damage("qcow2: L1 table past the end", plain) { $0.set64(1 << 40, bigEndianAt: 40) },
            Damage("qcow2: L1 table not aligned", plain) { $0.set64(UInt64($0.l1) + 512, bigEndianAt: 40) },
            Damage("qcow2: L1 table is the header", plain) { $0.set64(0, bigEndianAt: 40) },
            Damage("qcow2: refcount table past the end", plain) { $0.set64(1 << 50, bigEndianAt: 48) },
            Damage("qcow2: refcount table too long", plain) { $0.set32(.max, bigEndianAt: 56) },
            Damage("qcow2: encrypted in the old way", 13, plain) { $0.set32(1, bigEndianAt: 32) },
            Damage("qcow2: encrypted without a header", 12, plain) { $0.set32(2, bigEndianAt: 32) },
            Damage("qcow2: unknown encryption", 13, plain) { $0.set32(9, bigEndianAt: 32) },
            Damage("qcow2: marked corrupt", plain) { $0.set64(2, bigEndianAt: 72) },
            Damage("qcow2: external data file without a name", plain) { $0.set64(4, bigEndianAt: 72) },
            Damage("qcow2: unknown incompatible feature", 13, plain) { $0.set64(1 << 40, bigEndianAt: 72) },
            Damage("qcow2: refcounts of 128 bits", plain) { $0.set32(7, bigEndianAt: 96) },
            Damage("qcow2: header of 103 bytes", plain) { $0.set32(103, bigEndianAt: 100) },
            Damage("qcow2: header of 4 GiB", plain) { $0.set32(.max, bigEndianAt: 100) },
            Damage("qcow2: compression type without its feature bit", plain) { $0.bytes[104] = 1 },
            Damage("qcow2: unknown compression type", 13, plain) { $0.bytes[104] = 77 },
            Damage("qcow2: extension longer than the cluster", plain) { $0.set32(.max, bigEndianAt: 116) },
            Damage("qcow2: L2 table past the end", plain) { $0.set64(copied | farAway, bigEndianAt: $0.l1) },
            Damage("qcow2: L2 table not aligned", plain) { $0.set64(UInt64($0.l2) + 512, bigEndianAt: $0.l1) },
            Damage("qcow2: L2 table is the L1 table", plain) { $0.set64(UInt64($0.l1), bigEndianAt: $0.l1) },
            Damage("qcow2: cluster past the end", plain) { $0.set64(copied | farAway, bigEndianAt: $0.usedL2Entry) },
            Damage("qcow2: cluster is its own L2 table", plain) {
                $0.set64(UInt64($0.l2), bigEndianAt: $0.usedL2Entry)
            },
            Damage("qcow2: cluster is the refcount table", plain) {
                $0.set64($0.bigEndian(at: 48), bigEndianAt: $0.usedL2Entry)
            },
            Damage("qcow2: cluster not aligned", plain) {
                $0.set64($0.bigEndian(at: $0.usedL2Entry) + 512, bigEndianAt: $0.usedL2Entry)
            },
            Damage("qcow2: reserved bits in an L2 entry", plain) {
                $0.set64($0.bigEndian(at: $0.usedL2Entry) | 0x30, bigEndianAt: $0.usedL2Entry)
            },
            Damage("qcow2: zero bit in version 2", version2) {
                $0.set64($0.bigEndian(at: $0.usedL2Entry) | 1, bigEndianAt: $0.usedL2Entry)
            },
            Damage("qcow2: compressed data past the end", zlib) {
                $0.set64(compressed | farAway, bigEndianAt: $0.usedL2Entry)
            },
            Damage("qcow2: compressed data is the L2 table", zlib) {
                $0.set64(compressed | UInt64($0.l2), bigEndianAt: $0.usedL2Entry)
            },
            Damage("qcow2: deflate stream overwritten", zlib) { image in
                let start = Int(image.bigEndian(at: image.usedL2Entry) & ((1 << 54) - 1))
                for index in start..<start + 64 { image.bytes[index] = 0xFF }
            },
            Damage("qcow2: Zstandard frame overwritten", zstd) { image in
                let start = Int(image.bigEndian(at: image.usedL2Entry) & ((1 << 54) - 1))
                for index in start..<start + 64 { image.bytes[index] = 0xFF }
            },
            Damage("qcow2: cut inside the header", plain) { $0.cut(to: 71) },
            Damage("qcow2: cut inside the version 3 header", plain) { $0.cut(to: 100) },
            Damage("qcow2: cut before the L1 table", plain) { $0.cut(to: $0.l1) },
            Damage("qcow2: cut inside the L2 table", plain) { $0.cut(to: $0.l2 + 512) },
            Damage("qcow2: cut inside the data", plain) { $0.cut(to: $0.bytes.count - 3 * 65536) },
            Damage("qcow2: compressed data cut", zlib) { $0.cut(to: $0.bytes.count / 2) },
        ]
        return damages
    }()

    static let vmdk: [Damage] = {
        let sparse: @Sendable () throws -> DamagedImage = { try .vmdk() }
        // Without the flag for the redundant tables.
        let alone: @Sendable () throws -> DamagedImage = {
            var image = try DamagedImage.vmdk()
            image.set(UInt32(1), at: 8)
            return image
        }
        let damages: [Damage] = [
            Damage("VMDK: no magic, the rest is there", 11, sparse) { $0.set(UInt32(0), at: 0) },
            Damage("VMDK: unfinished magic", 11, sparse) { $0.bytes.replaceSubrange(0..<4, with: Array("vmdk".utf8)) },
            Damage("VMDK: version 0", 13, sparse) { $0.set(UInt32(0), at: 4) },
            Damage("VMDK: version 4", 13, sparse) { $0.set(UInt32(4), at: 4) },
            Damage("VMDK: unknown incompatible flag", 13, sparse) { $0.set(UInt32(1 << 20 | 3), at: 8) },
            Damage("VMDK: markers without compression", sparse) { $0.set(UInt32(1 << 17 | 3), at: 8) },
            Damage("VMDK: compressed by flag only", sparse) { $0.set(UInt32(1 << 16 | 3), at: 8) },
            Damage("VMDK: impossible capacity", sparse) { $0.set(UInt64.max, at: 12) },
            Damage("VMDK: capacity far beyond the descriptor's", sparse) { $0.set(UInt64(1 << 30), at: 12) },
            Damage("VMDK: grain of 0 sectors", sparse) { $0.set(UInt64(0), at: 20) },
            Damage("VMDK: grain of 127 sectors", sparse) { $0.set(UInt64(127), at: 20) },
            Damage("VMDK: grain of 2^63 sectors", sparse) { $0.set(UInt64(1) << 63, at: 20) },
            Damage("VMDK: descriptor past the end", sparse) { $0.set(UInt64(1 << 40), at: 28) },
            Damage("VMDK: descriptor too long", sparse) { $0.set(UInt64.max, at: 36) },
            Damage("VMDK: no descriptor", 13, sparse) { $0.set(UInt64(0), at: 28) },
            Damage("VMDK: grain tables without entries", sparse) { $0.set(UInt32(0), at: 44) },
            Damage("VMDK: 513 entries in a grain table", sparse) { $0.set(UInt32(513), at: 44) },
            Damage("VMDK: 2^31 entries in a grain table", sparse) { $0.set(UInt32(1) << 31, at: 44) },
            Damage("VMDK: grain directory past the end", alone) { $0.set(UInt64(1) << 40, at: 56) },
            Damage("VMDK: grain directory in the header", alone) { $0.set(UInt64(0), at: 56) },
            Damage("VMDK: grain directory at the end, but no footer", sparse) { $0.set(UInt64.max, at: 56) },
            Damage("VMDK: text-mode transfer", sparse) { $0.bytes[75] = 0x0A },
            Damage("VMDK: unknown compression", 13, sparse) { $0.set(UInt16(2), at: 77) },
            Damage("VMDK: garbage for a descriptor", sparse) { image in
                for index in 512..<1024 { image.bytes[index] = 0xC3 }
            },
            Damage("VMDK: grain table past the end", alone) { $0.set(UInt32.max, at: $0.directory) },
            Damage("VMDK: grain table is the grain directory", sparse) {
                $0.set(UInt32($0.directory / 512), at: $0.directory)
            },
            Damage("VMDK: grain past the end", alone) { $0.set(UInt32.max, at: $0.usedTableEntry) },
            Damage("VMDK: grain is its own table", sparse) {
                $0.set(UInt32($0.firstTable / 512), at: $0.usedTableEntry)
            },
            Damage("VMDK: grain is the grain directory", sparse) {
                $0.set(UInt32($0.directory / 512), at: $0.usedTableEntry)
            },
            Damage("VMDK: cut inside the header", sparse) { $0.cut(to: 511) },
            Damage("VMDK: cut inside the descriptor", sparse) { $0.cut(to: 1024) },
            Damage("VMDK: cut before the grain directory", sparse) { $0.cut(to: $0.directory) },
            Damage("VMDK: cut inside the grain table", sparse) { $0.cut(to: $0.firstTable + 512) },
            Damage("VMDK: cut inside the last grain", sparse) { $0.cut(to: $0.bytes.count - 70000) },
        ]
        return damages
    }()

    static let vdi: [Damage] = {
        let vdi: @Sendable () throws -> DamagedImage = { try .vdi() }
        let damages: [Damage] = [
            Damage("VDI: unknown version", 13, vdi) { $0.set(UInt32(0x20001), at: 68) },
            Damage("VDI: impossible type", vdi) { $0.set(UInt32(9), at: 76) },
            Damage("VDI: snapshot without its parent", 10, vdi) { $0.set(UInt32(4), at: 76) },
            Damage("VDI: undo image", 13, vdi) { $0.set(UInt32(3), at: 76) },
            Damage("VDI: block map in the header", vdi) { $0.set(UInt32(0), at: 340) },
            Damage("VDI: block map past the end", vdi) { $0.set(UInt32.max, at: 340) },
            Damage("VDI: data in the block map", vdi) { $0.set(UInt32(512), at: 344) },
            Damage("VDI: data past the end", vdi) { $0.set(UInt32.max, at: 344) },
            Damage("VDI: sectors of 4096 bytes", 13, vdi) { $0.set(UInt32(4096), at: 360) },
            Damage("VDI: size beyond the block map", vdi) { $0.set(UInt64.max, at: 368) },
            Damage("VDI: blocks of 0 bytes", vdi) { $0.set(UInt32(0), at: 376) },
            Damage("VDI: blocks of no power of two", vdi) { $0.set(UInt32(1_048_577), at: 376) },
            Damage("VDI: odd bytes before a block", vdi) { $0.set(UInt32(1), at: 380) },
            Damage("VDI: 2^32 blocks", vdi) { $0.set(UInt32.max, at: 384) },
            Damage("VDI: block past the end", vdi) { $0.set(UInt32(9), at: $0.little32(at: 340)) },
            Damage("VDI: impossible block", vdi) { $0.set(UInt32(1 << 30), at: $0.little32(at: 340)) },
            Damage("VDI: cut inside the header", vdi) { $0.cut(to: 300) },
            Damage("VDI: cut inside the block map", vdi) { $0.cut(to: $0.little32(at: 340) + 2) },
            Damage("VDI: cut inside the last block", vdi) { $0.cut(to: $0.bytes.count - 700_000) },
        ]
        return damages
    }()

    static let vhd: [Damage] = {
        let vhd: @Sendable () throws -> DamagedImage = { try .vhd() }
        let snapshot: @Sendable () throws -> DamagedImage = { try .vhdSnapshot() }
        let damages: [Damage] = [
            Damage("VHD: unknown version", vhd) { $0.setFooter(UInt32(0x20000), at: 12) },
            Damage("VHD: impossible type", vhd) { $0.setFooter(UInt32(9), at: 60) },
            Damage("VHD: fixed and longer than the file", vhd) { image in
                image.setFooter(UInt32(2), at: 60)
                image.setFooter(UInt64(1) << 40, at: 48)
            },
            Damage("VHD: impossible size", vhd) { $0.setFooter(UInt64.max, at: 48) },
            Damage("VHD: size beyond the block table", vhd) { $0.setFooter(UInt64(1) << 40, at: 48) },
            Damage("VHD: dynamic header past the end", vhd) { $0.setFooter(UInt64.max, at: 16) },
            Damage("VHD: dynamic header in the footer", vhd) { $0.setFooter(UInt64(0), at: 16) },
            Damage("VHD: no dynamic header", vhd) { $0.bytes[$0.vhdHeader] = 0 },
            Damage("VHD: both footers damaged, impossible type", vhd) { image in
                for start in [0, image.bytes.count - 512] { image.bytes[start + 63] = 7 }
            },
            Damage("VHD: unknown version of the dynamic header", 13, vhd) { $0.setVHDHeader(UInt32(0x20000), at: 24) },
            Damage("VHD: block table past the end", vhd) { $0.setVHDHeader(UInt64.max, at: 16) },
            Damage("VHD: block table in the footer", vhd) { $0.setVHDHeader(UInt64(0), at: 16) },
            Damage("VHD: 2^32 blocks", vhd) { $0.setVHDHeader(UInt32.max, at: 28) },
            Damage("VHD: 2^24 blocks", vhd) { $0.setVHDHeader(UInt32(1) << 24, at: 28) },
            Damage("VHD: too few blocks", vhd) { $0.setVHDHeader(UInt32(1), at: 28) },
            Damage("VHD: blocks of 0 bytes", vhd) { $0.setVHDHeader(UInt32(0), at: 32) },
            Damage("VHD: blocks of no power of two", vhd) { $0.setVHDHeader(UInt32(3 << 20), at: 32) },
            Damage("VHD: blocks of 2 GiB", vhd) { $0.setVHDHeader(UInt32(1) << 31, at: 32) },
            Damage("VHD: block past the end", vhd) { $0.set32(.max - 1, bigEndianAt: $0.vhdTable) },
            Damage("VHD: block in the footer's copy", vhd) { $0.set32(0, bigEndianAt: $0.vhdTable) },
            Damage("VHD: block in the block table", vhd) {
                $0.set32(UInt32($0.vhdTable / 512), bigEndianAt: $0.vhdTable)
            },
            Damage("VHD: cut inside the dynamic header", vhd) { $0.cut(to: $0.vhdHeader + 1000) },
            Damage("VHD: cut inside the block table", vhd) { $0.cut(to: $0.vhdTable + 2) },
            Damage("VHD: cut inside the last block", vhd) { $0.cut(to: $0.bytes.count - 1_500_000) },
            Damage("VHD: snapshot without its parent", 10, snapshot) { _ in },
            Damage("VHD: parent's name past the end", snapshot) { $0.setVHDHeader(UInt64.max, at: 576 + 16) },
            Damage("VHD: parent's name too long", snapshot) { $0.setVHDHeader(UInt32.max, at: 576 + 8) },
            Damage("VHD: parent without a name", snapshot) { image in
                image.setVHDHeader(UInt32(0), at: 576)
                image.setVHDHeader(UInt16(0), at: 64)
            },
        ]
        return damages
    }()

    static let vhdx: [Damage] = {
        let vhdx: @Sendable () throws -> DamagedImage = { try .vhdx() }
        let damages: [Damage] = [
            Damage("VHDX: both headers damaged", vhdx) { image in
                for start in [64 << 10, 128 << 10] { image.bytes[start + 100] ^= 1 }
            },
            Damage("VHDX: headers equally new, but different", vhdx) { image in
                image.setVHDXHeader(UInt64(9), at: 8)
                image.set(UInt64(1), at: 32, ofChecked: [64 << 10], length: 4096)
            },
            Damage("VHDX: unknown version", 13, vhdx) { $0.setVHDXHeader(UInt16(2), at: 66) },
            Damage("VHDX: log in the headers", vhdx) { $0.setVHDXHeader(UInt64(0), at: 72) },
            Damage("VHDX: log at an odd place", vhdx) { $0.setVHDXHeader(UInt64(1 << 20 + 512), at: 72) },
            Damage("VHDX: log is the block table", vhdx) { $0.setVHDXHeader(UInt64($0.vhdxTable), at: 72) },
            Damage("VHDX: log not empty and past the end", vhdx) { image in
                image.setVHDXHeader(UInt64(1), at: 48)
                image.setVHDXHeader(UInt64(1) << 40, at: 72)
            },
            Damage("VHDX: log not empty and at the end of the world", vhdx) { image in
                image.setVHDXHeader(UInt64(1), at: 48)
                image.setVHDXHeader(UInt64.max, at: 72)
            },
            Damage("VHDX: log not empty and without bytes", vhdx) { image in
                image.setVHDXHeader(UInt64(1), at: 48)
                image.setVHDXHeader(UInt32(0), at: 68)
            },
            Damage("VHDX: log not empty and without entries", vhdx) { $0.setVHDXHeader(UInt64(1), at: 48) },
            Damage("VHDX: both region tables damaged", vhdx) { image in
                for start in [192 << 10, 256 << 10] { image.bytes[start + 20] ^= 1 }
            },
            Damage("VHDX: too many regions", vhdx) { $0.setRegionTable(UInt32(2048), at: 8) },
            Damage("VHDX: no regions", vhdx) { $0.setRegionTable(UInt32(0), at: 8) },
            Damage("VHDX: unknown region that is needed", 13, vhdx) { image in
                image.setRegionTable(UInt64(7), at: 16)
                image.setRegionTable(UInt32(1), at: 44)
            },
            Damage("VHDX: block table past the end", vhdx) { $0.setRegionTable(UInt64(1) << 40, at: 32) },
            Damage("VHDX: block table in the headers", vhdx) { $0.setRegionTable(UInt64(0), at: 32) },
            Damage("VHDX: block table at an odd place", vhdx) {
                $0.setRegionTable(UInt64($0.vhdxTable + 4096), at: 32)
            },
            Damage("VHDX: block table is the metadata", vhdx) { $0.setRegionTable(UInt64($0.vhdxMetadata), at: 32) },
            Damage("VHDX: block table without bytes", vhdx) { $0.setRegionTable(UInt32(0), at: 40) },
            Damage("VHDX: no metadata", vhdx) { $0.bytes[$0.vhdxMetadata] = 0 },
            Damage("VHDX: too many items of metadata", vhdx) { $0.set(UInt16.max, at: $0.vhdxMetadata + 10) },
            Damage("VHDX: no items of metadata", vhdx) { $0.set(UInt16(0), at: $0.vhdxMetadata + 10) },
            Damage("VHDX: unknown item that is needed", 13, vhdx) { image in
                image.set(UInt64(7), at: image.vhdxMetadata + 32)
                image.set(UInt32(4), at: image.vhdxMetadata + 32 + 24)
            },
            Damage("VHDX: item past its region", vhdx) { $0.set(UInt32.max, at: $0.vhdxMetadata + 32 + 16) },
            Damage("VHDX: item of 4 GiB", vhdx) { $0.set(UInt32.max, at: $0.vhdxMetadata + 32 + 20) },
            Damage("VHDX: blocks of 0 bytes", vhdx) { $0.set(UInt32(0), at: $0.vhdxItem(0)) },
            Damage("VHDX: blocks of 512 KiB", vhdx) { $0.set(UInt32(512 << 10), at: $0.vhdxItem(0)) },
            Damage("VHDX: blocks of 512 MiB", vhdx) { $0.set(UInt32(512 << 20), at: $0.vhdxItem(0)) },
            Damage("VHDX: blocks of 3 MiB", vhdx) { $0.set(UInt32(3 << 20), at: $0.vhdxItem(0)) },
            Damage("VHDX: a parent without its location", vhdx) { $0.set(UInt32(2), at: $0.vhdxItem(0) + 4) },
            Damage("VHDX: impossible size", vhdx) { $0.set(UInt64.max, at: $0.vhdxItem(1)) },
            Damage("VHDX: size of no whole sectors", vhdx) { $0.set(UInt64(9_436_673), at: $0.vhdxItem(1)) },
            Damage("VHDX: size beyond the block table", vhdx) { $0.set(UInt64(64) << 40, at: $0.vhdxItem(1)) },
            Damage("VHDX: sectors of 1024 bytes", vhdx) { $0.set(UInt32(1024), at: $0.vhdxItem(3)) },
            Damage("VHDX: block past the end", vhdx) { $0.set(UInt64(1) << 40 | 6, at: $0.vhdxTable) },
            Damage("VHDX: block in the headers", vhdx) { $0.set(UInt64(6), at: $0.vhdxTable) },
            Damage("VHDX: block in the block table", vhdx) { $0.set(UInt64($0.vhdxTable | 6), at: $0.vhdxTable) },
            Damage("VHDX: block in the log", vhdx) { $0.set(UInt64(1) << 20 | 6, at: $0.vhdxTable) },
            Damage("VHDX: block of an impossible state", vhdx) { $0.bytes[$0.vhdxTable] = 4 },
            Damage("VHDX: block with reserved bits", vhdx) { $0.bytes[$0.vhdxTable + 1] = 1 },
            Damage("VHDX: block in part, but no parent", vhdx) { $0.bytes[$0.vhdxTable] |= 7 },
            Damage("VHDX: cut inside the headers", vhdx) { $0.cut(to: 100_000) },
            Damage("VHDX: cut inside the region table", vhdx) { $0.cut(to: 200_000) },
            Damage("VHDX: cut inside the block table", vhdx) { $0.cut(to: $0.vhdxTable + 4096) },
            Damage("VHDX: cut inside the last block", vhdx) { $0.cut(to: $0.bytes.count - 900_000) },
        ]
        return damages
    }()

    static let vhdxSnapshot: [Damage] = {
        let snapshot: @Sendable () throws -> DamagedImage = { try .vhdxSnapshot() }
        let locator: @Sendable (DamagedImage) -> Int = { $0.vhdxItem(5) }
        let damages: [Damage] = [
            Damage("VHDX: snapshot without its parent", 10, snapshot) { _ in },
            Damage("VHDX: parent of another kind", 13, snapshot) { $0.bytes[locator($0)] ^= 1 },
            Damage("VHDX: parent's location too short for its entries", snapshot) {
                $0.set(UInt16.max, at: locator($0) + 18)
            },
            Damage("VHDX: parent's name outside its location", snapshot) { $0.set(UInt32.max, at: locator($0) + 24) },
            Damage("VHDX: parent without a name", snapshot) { $0.set(UInt16(0), at: locator($0) + 18) },
        ]
        return damages
    }()

    static let stream: [Damage] = {
        let stream: @Sendable () throws -> DamagedImage = { try .stream() }
        let damages: [Damage] = [
            Damage("stream: cut before the end marker", stream) { $0.cut(to: $0.footer) },
            Damage("stream: cut before the grain directory", stream) { $0.cut(to: $0.streamDirectory) },
            Damage("stream: cut inside a grain", stream) { $0.cut(to: $0.streamGrain + 700) },
            Damage("stream: footer without magic", stream) { $0.set(UInt32(0), at: $0.footer) },
            Damage("stream: footer without a directory", stream) { $0.set(UInt64.max, at: $0.footer + 56) },
            Damage("stream: footer's directory past the end", stream) { $0.set(UInt64(1) << 41, at: $0.footer + 56) },
            Damage("stream: footer contradicts the header", stream) { $0.set(UInt64(4096), at: $0.footer + 12) },
            Damage("stream: grain table past the end", stream) { $0.set(UInt32.max - 1, at: $0.streamDirectory) },
            Damage("stream: grain longer than the file", stream) { $0.set(UInt32.max, at: $0.streamGrain + 8) },
            Damage("stream: grain without bytes", stream) { $0.set(UInt32(0), at: $0.streamGrain + 8) },
            Damage("stream: grain of another place", stream) { $0.set(UInt64(256), at: $0.streamGrain) },
            Damage("stream: zlib header destroyed", stream) { $0.set(UInt16(0), at: $0.streamGrain + 12) },
            Damage("stream: a bit of a grain flipped", stream) { $0.bytes[$0.streamGrain + 100] ^= 4 },
            Damage("stream: grain inflates too long", stream) { replaceGrain(&$0, length: 65536 + 512) },
            Damage("stream: grain inflates too short", stream) { replaceGrain(&$0, length: 65536 - 512) },
            Damage("stream: grain inflates without end", stream) { replaceGrain(&$0, length: 32 << 20) },
        ]
        return damages
    }()

    /// Replaces the first grain by one that inflates to `length` equal bytes.
    private static func replaceGrain(_ image: inout DamagedImage, length: Int) {
        let stream = (try? deflated([UInt8](repeating: 0x55, count: length), windowBits: 15)) ?? []
        let start = image.streamGrain
        image.set(UInt32(stream.count), at: start + 8)
        image.bytes.replaceSubrange(start + 12..<start + 12 + stream.count, with: stream)
    }
}
