import ByteLayout
import DiskImage

/// Where an image lists its persistent bitmaps: the header extension 0x23852875.
struct BitmapDirectory {
    /// How many bitmaps there are.
    var count: UInt32
    /// Bytes of the directory.
    var length: UInt64
    var offset: UInt64

    /// QEMU's limit of bitmaps in an image.
    private static let maximumCount: UInt32 = 65535
    /// What we read of a directory, in bytes: QEMU's largest number of bitmaps, with the names that people give.
    private static let maximumLength: UInt64 = 16 << 20
    /// What we read of names, in bytes of UTF-8, for all of them are in memory.
    private static let maximumNamesLength = 4 << 20
    /// Bytes of the extension.
    private static let extensionLength = 24
    /// Bytes of an entry before its extra data.
    private static let fixedLength = 24

    /// The directory that the extension's `data` tells of, nil if it is too short for one.
    init?(extensionData data: [UInt8]) {
        guard data.count >= Self.extensionLength else { return nil }
        count = data.bigEndian(UInt32.self, at: 0)
        length = data.bigEndian(UInt64.self, at: 8)
        offset = data.bigEndian(UInt64.self, at: 16)
    }

    /// Reads the entries.
    func read(file: ImageFile, header: QCOW2Header) throws(ImageError) -> [QCOW2Bitmap] {
        guard count <= Self.maximumCount, length <= Self.maximumLength, offset % header.clusterSize == 0 else {
            throw file.damaged("a directory of \(count) bitmaps and \(length) bytes is impossible", at: offset)
        }
        let bytes = try file.read(at: offset, count: Int(length), what: "bitmap directory")
        var bitmaps: [QCOW2Bitmap] = []
        var namesLength = 0
        var position = 0
        for _ in 0..<count {
            guard let (bitmap, next) = Self.entry(at: position, in: bytes) else {
                throw file.damaged("the bitmap directory is damaged", at: offset + UInt64(position))
            }
            bitmaps.append(bitmap)
            namesLength += bitmap.name.utf8.count
            guard namesLength <= Self.maximumNamesLength else {
                throw file.unsupported("the names of bitmaps have more than \(Self.maximumNamesLength) bytes")
            }
            position = next
        }
        return bitmaps
    }

    /// The entry at `start` and where the next one starts; nil if there is none.
    private static func entry(at start: Int, in bytes: [UInt8]) -> (QCOW2Bitmap, next: Int)? {
        guard start + fixedLength <= bytes.count else { return nil }
        let granularityBits = bytes[start + 17]
        let nameLength = Int(bytes.bigEndian(UInt16.self, at: start + 18))
        let nameStart = start + fixedLength + Int(bytes.bigEndian(UInt32.self, at: start + 20))
        let end = nameStart + nameLength
        guard end <= bytes.count, QCOW2Bitmap.granularityBits.contains(granularityBits) else { return nil }
        let bitmap = QCOW2Bitmap(
            name: String(decoding: bytes[nameStart..<end], as: UTF8.self), granularityBits: granularityBits,
            flags: QCOW2Bitmap.Flags(rawValue: bytes.bigEndian(UInt32.self, at: start + 12)),
            tableOffset: bytes.bigEndian(UInt64.self, at: start),
            tableCount: bytes.bigEndian(UInt32.self, at: start + 8))
        return (bitmap, end.alignedUp(to: 8))
    }
}
