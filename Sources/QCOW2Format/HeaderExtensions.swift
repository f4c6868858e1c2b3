import ByteLayout
import DiskImage

/// What follows the fixed header: optional facts, each with a type and a length.
struct HeaderExtensions {
    /// The format of the backing file, type 0xE2792ACA.
    var backingFormat: String?
    /// The name of the external data file, type 0x44415441.
    var dataFile: String?
    /// Where persistent bitmaps are listed, type 0x23852875.
    var bitmapDirectory: BitmapDirectory?
    /// Where the LUKS header lies, type 0x0537BE77, in bytes of the file.
    var encryptionHeader: Range<UInt64>?
    /// Names of feature bits, type 0x6803F857: (kind 0 incompatible, 1 compatible, 2 autoclear; bit; name).
    var featureNames: [(kind: UInt8, bit: UInt8, name: String)] = []

    static let endType: UInt32 = 0
    static let backingFormatType: UInt32 = 0xE279_2ACA
    private static let featureNamesType: UInt32 = 0x6803_F857
    private static let bitmapsType: UInt32 = 0x2385_2875
    private static let encryptionType: UInt32 = 0x0537_BE77
    static let dataFileType: UInt32 = 0x4441_5441

    /// Reads the extensions between the header and the end of the first cluster (or the backing file's name).
    init(file: ImageFile, header: QCOW2Header) throws(ImageError) {
        try Self.forEach(file: file, header: header) { type, data in
            switch type {
            case Self.backingFormatType: backingFormat = String(decoding: data, as: UTF8.self)
            case Self.dataFileType: dataFile = String(decoding: data, as: UTF8.self)
            case Self.bitmapsType: bitmapDirectory = BitmapDirectory(extensionData: data)
            case Self.encryptionType: encryptionHeader = Self.range(data)
            case Self.featureNamesType: readFeatureNames(data)
            default: break  // an extension is optional by definition
            }
        }
    }

    /// Calls `body` with the type and the data of each extension.
    /// - Returns: the end of their list.
    @discardableResult
    static func forEach(
        file: ImageFile, header: QCOW2Header, _ body: (UInt32, [UInt8]) -> Void
    ) throws(ImageError) -> UInt64 {
        var limit = min(header.clusterSize, file.size)
        if header.backingFileOffset != 0 { limit = min(limit, header.backingFileOffset) }
        var position = UInt64(header.headerLength)
        while position + 8 <= limit {
            let head = try file.read(at: position, count: 8, what: "header extension")
            let type = head.bigEndian(UInt32.self, at: 0)
            let length = UInt64(head.bigEndian(UInt32.self, at: 4))
            if type == endType { return position + 8 }
            guard length <= limit - position - 8 else {
                throw file.damaged(
                    "a header extension of \(length) bytes does not fit into the first cluster", at: position)
            }
            let data = try file.read(at: position + 8, count: Int(length), what: "header extension")
            body(type, data)
            position += 8 + length.alignedUp(to: 8)
        }
        return position
    }

    /// The range that an offset and a length of 8 bytes each tell; nil if there is none.
    private static func range(_ data: [UInt8]) -> Range<UInt64>? {
        guard data.count >= 16 else { return nil }
        let start = data.bigEndian(UInt64.self, at: 0)
        let (end, overflows) = start.addingReportingOverflow(data.bigEndian(UInt64.self, at: 8))
        return overflows ? nil : start..<end
    }

    private mutating func readFeatureNames(_ data: [UInt8]) {
        let entryLength = 48
        for start in stride(from: 0, to: data.count - data.count % entryLength, by: entryLength) {
            let name = data[(start + 2)..<(start + entryLength)].prefix { $0 != 0 }
            featureNames.append((data[start], data[start + 1], String(decoding: name, as: UTF8.self)))
        }
    }

    /// What the image calls incompatible feature bit `bit`.
    func incompatibleFeatureName(bit: Int) -> String {
        featureNames.first { $0.kind == 0 && Int($0.bit) == bit }?.name ?? "bit \(bit)"
    }
}
