import ByteLayout
import DiskImage

/// The header of a dynamic or differencing VHD.
struct VHDDynamicHeader {
    /// Where in the file it is.
    var position: UInt64
    /// Byte offset of the block allocation table.
    var tableOffset: UInt64
    /// Entries of the table.
    var maximumEntries: UInt32
    /// Bytes of a block of the disk, a power of two; normally 2 MiB.
    var blockSize: UInt32
    /// The identifier in the parent's footer.
    var parentIdentifier: [UInt8]
    /// What may lead to the parent: its relative path, its absolute path, its name.
    var parentNames: [String]
    /// Whether the checksum is right.
    var isIntact: Bool

    /// Bytes of the bitmap before each block: a bit for each sector, whole sectors.
    var bitmapLength: UInt64 { (UInt64(blockSize) / VHD.sectorSize).dividedUp(by: 8).alignedUp(to: VHD.sectorSize) }

    /// - Parameter virtualSize: bytes of the disk, which the table must cover.
    init(file: ImageFile, footer: VHDFooter, virtualSize: UInt64) throws(ImageError) {
        position = footer.dataOffset
        let bytes = try file.read(at: position, count: VHD.dynamicHeaderLength, what: "dynamic VHD header")
        guard bytes.starts(with: VHD.dynamicCookie) else {
            throw file.damaged("there is no dynamic VHD header where the footer says", at: position)
        }
        let version = bytes.bigEndian(UInt32.self, at: 24)
        guard version >> 16 == VHD.majorVersion else {
            throw file.unsupported(
                "version 0x\(String(version, radix: 16)) of the dynamic VHD header is not known", at: position + 24)
        }
        tableOffset = bytes.bigEndian(UInt64.self, at: 16)
        maximumEntries = bytes.bigEndian(UInt32.self, at: 28)
        blockSize = bytes.bigEndian(UInt32.self, at: 32)
        isIntact = bytes.bigEndian(UInt32.self, at: 36) == VHD.checksum(bytes, field: 36)
        parentIdentifier = Array(bytes[40..<56])
        parentNames = []
        if footer.kind == .differencing { parentNames = try Self.parentNames(header: bytes, file: file) }
        try validate(file: file, virtualSize: virtualSize)
    }

    private func validate(file: ImageFile, virtualSize: UInt64) throws(ImageError) {
        guard blockSize.isPowerOfTwo, (512...1 << 30).contains(blockSize) else {
            throw file.damaged(
                "VHD blocks of \(blockSize) bytes are not a power of two from 512 bytes to 1 GiB", at: position + 32)
        }
        guard maximumEntries <= VHD.maximumBlocks else {
            throw file.damaged("a VHD of \(maximumEntries) blocks is impossibly large", at: position + 28)
        }
        guard virtualSize.dividedUp(by: UInt64(blockSize)) <= UInt64(maximumEntries) else {
            throw file.damaged(
                "the block table has \(maximumEntries) entries, too few for a disk of \(virtualSize) bytes",
                at: position + 28)
        }
        guard tableOffset <= file.size, UInt64(maximumEntries) * 4 <= file.size - tableOffset else {
            throw file.damaged("the block table is not inside the file: byte \(tableOffset)", at: position + 16)
        }
    }

    // MARK: The parent

    private static let nameOffset = 64
    private static let locatorsOffset = 576
    private static let locatorLength = 24
    private static let locatorCount = 8
    /// Longest path that is believed, in bytes.
    private static let maximumNameLength: UInt32 = 65536

    private static func parentNames(header: [UInt8], file: ImageFile) throws(ImageError) -> [String] {
        var names: [String] = []
        for code in ["W2ru", "W2ku"] {
            for index in 0..<locatorCount {
                let start = locatorsOffset + index * locatorLength
                guard header[start..<start + 4].elementsEqual(code.utf8) else { continue }
                let length = header.bigEndian(UInt32.self, at: start + 8)
                let offset = header.bigEndian(UInt64.self, at: start + 16)
                guard length <= maximumNameLength else {
                    throw file.damaged("a parent's name of \(length) bytes is impossibly long", at: offset)
                }
                let bytes = try file.read(at: offset, count: Int(length), what: "parent's name")
                names.append(text(bytes.count / 2) { bytes.littleEndian(UInt16.self, at: $0 * 2) })
            }
        }
        names.append(text(256) { header.bigEndian(UInt16.self, at: nameOffset + $0 * 2) })
        return names.filter { !$0.isEmpty }
    }

    /// The text of `count` units of UTF-16, which NUL ends.
    private static func text(_ count: Int, unit: (Int) -> UInt16) -> String {
        String(decoding: (0..<count).map(unit).prefix { $0 != 0 }, as: UTF16.self)
    }
}
