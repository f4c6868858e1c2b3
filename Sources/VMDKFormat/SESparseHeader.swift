import ByteLayout
import DiskImage

/// The constant header of a seSparse extent: ESXi's snapshots since 6.5. All fields are little-endian u64, positions and
/// lengths count sectors. There is no public specification; the facts are from files and from three readers that agree.
struct SESparseHeader {
    private static let magic: UInt64 = 0xCAFE_BABE
    private static let volatileMagic: UInt64 = 0xCAFE_CAFE
    private static let version: UInt64 = 0x0000_0002_0000_0001
    static let length = 512
    /// Bytes of a grain: 8 sectors, the only size.
    static let grainLength: UInt64 = 4096
    /// Entries of a grain table: 64 sectors, the only size.
    static let tableEntries = 4096
    /// Bytes of a grain table.
    static let tableLength = tableEntries * 8
    /// Bytes of virtual disk that a grain table describes.
    static let tableCoverage = grainLength * UInt64(tableEntries)

    /// Sectors of the disk.
    var capacity: UInt64
    /// Byte ranges of the areas.
    var directory: Range<UInt64>
    var tables: Range<UInt64>
    var grains: Range<UInt64>

    init(file: ImageFile) throws(ImageError) {
        let bytes = try file.read(at: 0, count: Self.length, what: "seSparse header")
        func field(_ offset: Int) -> UInt64 { bytes.littleEndian(UInt64.self, at: offset) }
        guard field(0) == Self.magic else { throw file.damaged("there is no seSparse header", at: 0) }
        guard field(8) == Self.version else {
            throw file.unsupported("seSparse version 0x\(String(field(8), radix: 16)) is not known", at: 8)
        }
        guard field(24) == 8, field(32) == 64 else {
            throw file.unsupported(
                "seSparse grains of \(field(24)) sectors or tables of \(field(32)) are not known", at: 24)
        }
        guard field(40) == 0 else {
            throw file.unsupported("seSparse flags 0x\(String(field(40), radix: 16)) are not known", at: 40)
        }
        capacity = field(16)
        func area(_ offset: Int, _ name: String) throws(ImageError) -> Range<UInt64> {
            let (start, length) = (field(offset), field(offset + 8))
            let limit = UInt64.max >> 11
            guard start > 0, start <= limit, length <= limit, start * VMDK.sectorSize <= file.size else {
                throw file.damaged("the \(name) is not inside the file: sector \(start)", at: UInt64(offset))
            }
            return start * VMDK.sectorSize..<(start + length) * VMDK.sectorSize
        }
        directory = try area(128, "grain directory")
        tables = try area(144, "area of the grain tables")
        grains = try area(192, "area of the grains")
        try Self.checkJournal(file, at: field(80))
    }

    /// A journal that must be replayed is in a format that nobody knows.
    private static func checkJournal(_ file: ImageFile, at sector: UInt64) throws(ImageError) {
        guard sector > 0, sector <= file.size / VMDK.sectorSize else {
            throw file.damaged("the volatile header is not inside the file: sector \(sector)", at: 80)
        }
        let start = sector * VMDK.sectorSize
        let bytes = try file.read(at: start, count: 32, what: "volatile header")
        guard bytes.littleEndian(UInt64.self, at: 0) == volatileMagic else {
            throw file.damaged("there is no volatile header", at: start)
        }
        guard bytes.littleEndian(UInt64.self, at: 24) == 0 else {
            throw file.unsupported(
                "the snapshot was not closed and has a journal to replay", at: start + 24,
                advice: "open and close it on ESXi, or consolidate the snapshot")
        }
    }
}
