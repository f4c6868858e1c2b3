import ByteLayout
import DiskImage

/// The regions of the file, from the region table.
struct VHDXRegions {
    /// Bytes of the file that are the block allocation table.
    var table: Range<UInt64>
    /// Bytes of the file that are the metadata.
    var metadata: Range<UInt64>
    /// All that blocks must not overlap: headers, log and regions.
    var reserved: MetadataRanges

    static let signature = Array("regi".utf8)
    static let tableGUID = GUID.known("2DC27766-F623-4200-9D64-115E9BFD4A08")
    static let metadataGUID = GUID.known("8B7CA206-4790-4B9A-B8FE-575F050F886E")

    init(_ replayed: ReplayedFile, header: VHDXHeader) throws(ImageError) {
        let file = replayed.file
        let (bytes, position) = try Self.table(replayed)
        var known: [GUID: Range<UInt64>] = [:]
        var others: [Range<UInt64>] = []
        for index in 0..<Int(bytes.littleEndian(UInt32.self, at: 8)) {
            let entry = 16 + index * 32
            let guid = GUID(bytes[entry..<entry + 16])
            let offset = bytes.littleEndian(UInt64.self, at: entry + 16)
            let length = UInt64(bytes.littleEndian(UInt32.self, at: entry + 24))
            let isRequired = bytes.littleEndian(UInt32.self, at: entry + 28) & 1 == 1
            guard offset >= VHDX.headerSectionLength, offset % VHDX.alignment == 0, length % VHDX.alignment == 0,
                length > 0, offset <= replayed.size, length <= replayed.size - offset
            else {
                throw file.damaged("region \(index) is at an impossible place", at: position + UInt64(entry + 16))
            }
            others.append(offset..<offset + length)
            if guid == Self.tableGUID || guid == Self.metadataGUID {
                guard known.updateValue(offset..<offset + length, forKey: guid) == nil else {
                    throw file.damaged("a region is listed twice", at: position + UInt64(entry))
                }
            } else if isRequired {
                throw file.unsupported("the VHDX needs a region of an unknown kind", at: position + UInt64(entry))
            }
        }
        guard let table = known[Self.tableGUID], let metadata = known[Self.metadataGUID] else {
            throw file.damaged("the region table lacks the block table or the metadata", at: position)
        }
        self.table = table
        self.metadata = metadata
        reserved = try MetadataRanges(
            tables: [], tableLength: 0, others: others + [0..<VHDX.headerSectionLength, header.log]
        ) { first, second in
            file.damaged("two of the VHDX's regions overlap: one starts at byte \(first)", at: second)
        }
    }

    /// The region table at `position`; nil if it is damaged.
    static func table(_ replayed: ReplayedFile, at position: UInt64) throws(ImageError) -> [UInt8]? {
        let bytes = try replayed.read(at: position, count: VHDX.regionTableLength, what: "region table")
        guard bytes.starts(with: signature), bytes.hasChecksum(at: 4),
            bytes.littleEndian(UInt32.self, at: 8) <= UInt32(VHDX.maximumTableEntries)
        else { return nil }
        return bytes
    }

    /// The first table that is whole, and where it is.
    private static func table(_ replayed: ReplayedFile) throws(ImageError) -> ([UInt8], UInt64) {
        for position in VHDX.regionTablePositions {
            if let bytes = try table(replayed, at: position) { return (bytes, position) }
        }
        throw replayed.file.damaged("both region tables are damaged", at: VHDX.regionTablePositions[0])
    }
}
