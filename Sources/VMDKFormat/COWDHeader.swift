import ByteLayout
import DiskImage

/// The header of a vmfsSparse extent (magic `COWD`): ESXi's snapshots before 6.5. All fields are little-endian u32,
/// positions count sectors; a grain is often one sector.
struct COWDHeader {
    static let length = 2048
    /// A grain table always has this many entries.
    private static let tableEntries: UInt64 = 4096

    /// Sectors of the disk.
    var sectors: UInt32
    /// Sectors of a grain.
    var grainSize: UInt32
    /// Sector of the grain directory.
    var directoryOffset: UInt32
    /// Entries of the grain directory; tables beyond it are absent.
    var directoryEntries: UInt32
    var isUnclean: Bool

    init(file: ImageFile) throws(ImageError) {
        let bytes = try file.read(at: 0, count: Self.length, what: "COWD header")
        guard bytes.starts(with: VMDK.cowdMagic) else { throw file.damaged("there is no COWD header", at: 0) }
        let version = bytes.littleEndian(UInt32.self, at: 4)
        guard version == 1 else { throw file.unsupported("COWD version \(version) is not known", at: 4) }
        sectors = bytes.littleEndian(UInt32.self, at: 12)
        grainSize = bytes.littleEndian(UInt32.self, at: 16)
        directoryOffset = bytes.littleEndian(UInt32.self, at: 20)
        directoryEntries = bytes.littleEndian(UInt32.self, at: 24)
        isUnclean = bytes.littleEndian(UInt32.self, at: 1648) != 0
        guard grainSize.isPowerOfTwo, grainSize <= 2048 else {
            throw file.damaged("the COWD grain size of \(grainSize) sectors is not a power of two up to 2048", at: 16)
        }
        guard directoryOffset >= 4 else {
            throw file.damaged("the grain directory overlaps the header: sector \(directoryOffset)", at: 20)
        }
        // 2^32 sectors in tables of 4096 grains.
        guard directoryEntries <= 1 << 20 else {
            throw file.damaged("a grain directory of \(directoryEntries) entries is impossibly large", at: 24)
        }
    }

    var layout: GrainLayout {
        GrainLayout(
            capacity: UInt64(sectors) * VMDK.sectorSize, grainLength: UInt64(grainSize) * VMDK.sectorSize,
            tableEntries: Self.tableEntries,
            directoryOffset: UInt64(directoryOffset) * VMDK.sectorSize, directoryEntries: Int(directoryEntries),
            compressedHeaderLength: nil, reserved: [0..<UInt64(Self.length)])
    }
}
