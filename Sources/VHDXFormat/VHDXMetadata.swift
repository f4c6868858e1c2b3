import ByteLayout
import DiskImage

/// What the metadata region says about the disk.
struct VHDXMetadata {
    /// Bytes of a block of the disk, a power of two.
    var blockSize: UInt64
    /// Whether blocks are never given back: a fixed disk.
    var keepsBlocks: Bool
    /// Bytes of the disk.
    var virtualSize: UInt64
    /// Bytes of a sector, as the guest sees it: 512 or 4096.
    var logicalSectorSize: UInt64
    var physicalSectorSize: UInt64
    /// Where the parent is, nil if there is none.
    var parent: VHDXParentLocator?

    static let signature = Array("metadata".utf8)
    static let tableLength = 64 << 10
    private static let maximumItemLength: UInt32 = 1 << 20

    enum Item: CaseIterable {
        case fileParameters, virtualSize, diskIdentifier, logicalSectorSize, physicalSectorSize, parentLocator

        var guid: GUID {
            switch self {
            case .fileParameters: .known("CAA16737-FA36-4D43-B3B6-33F0AA44E76B")
            case .virtualSize: .known("2FA54224-CD1B-4876-B211-5DBED83BF4B8")
            case .diskIdentifier: .known("BECA12AB-B2E6-4523-93EF-C309E000C746")
            case .logicalSectorSize: .known("8141BF1D-A96F-4709-BA47-F233A8FAAB5F")
            case .physicalSectorSize: .known("CDA348C7-445D-4471-9CC9-E9885251C556")
            case .parentLocator: .known("A8D35F2D-B30B-454D-ABF7-D3D84834AB0C")
            }
        }
    }

    init(_ replayed: ReplayedFile, region: Range<UInt64>) throws(ImageError) {
        let file = replayed.file
        let places = try Self.places(replayed, region: region)
        func item(_ item: Item, _ name: String, minimum: Int) throws(ImageError) -> [UInt8] {
            guard let place = places[item], place.count >= minimum else {
                throw file.damaged("the \(name) is missing in the metadata", at: region.lowerBound)
            }
            return try replayed.read(at: place.lowerBound, count: place.count, what: name)
        }
        let parameters = try item(.fileParameters, "block size", minimum: 8)
        blockSize = UInt64(parameters.littleEndian(UInt32.self, at: 0))
        let flags = parameters.littleEndian(UInt32.self, at: 4)
        keepsBlocks = flags & 1 == 1
        virtualSize = try item(.virtualSize, "size of the disk", minimum: 8).littleEndian(UInt64.self, at: 0)
        logicalSectorSize = UInt64(
            try item(.logicalSectorSize, "logical sector size", minimum: 4).littleEndian(UInt32.self, at: 0))
        physicalSectorSize = UInt64(
            try item(.physicalSectorSize, "physical sector size", minimum: 4).littleEndian(UInt32.self, at: 0))
        if flags & 2 == 2 {
            let bytes = try item(.parentLocator, "parent's location", minimum: 20)
            parent = try VHDXParentLocator(bytes, file: file, position: places[.parentLocator]?.lowerBound ?? 0)
        }
        try validate(file: file, region: region)
    }

    private func validate(file: ImageFile, region: Range<UInt64>) throws(ImageError) {
        guard blockSize.isPowerOfTwo, (1 << 20...256 << 20).contains(blockSize) else {
            throw file.damaged(
                "VHDX blocks of \(blockSize) bytes are not a power of two from 1 to 256 MiB", at: region.lowerBound)
        }
        guard [512, 4096].contains(logicalSectorSize), [512, 4096].contains(physicalSectorSize) else {
            throw file.damaged(
                "sectors of \(logicalSectorSize) and \(physicalSectorSize) bytes are impossible", at: region.lowerBound)
        }
        guard virtualSize <= VHDX.maximumSize, virtualSize % logicalSectorSize == 0 else {
            throw file.damaged("a VHDX of \(virtualSize) bytes is impossible", at: region.lowerBound)
        }
    }

    /// The bytes of the file that each known item occupies.
    private static func places(
        _ replayed: ReplayedFile, region: Range<UInt64>
    ) throws(ImageError) -> [Item: Range<UInt64>] {
        let file = replayed.file
        let bytes = try replayed.read(at: region.lowerBound, count: tableLength, what: "metadata table")
        let count = Int(bytes.littleEndian(UInt16.self, at: 10))
        guard bytes.starts(with: signature), count <= VHDX.maximumTableEntries else {
            throw file.damaged("the metadata table is damaged", at: region.lowerBound)
        }
        let items = Dictionary(uniqueKeysWithValues: Item.allCases.map { ($0.guid, $0) })
        var places: [Item: Range<UInt64>] = [:]
        for index in 0..<count {
            let entry = 32 + index * 32
            let position = region.lowerBound + UInt64(entry)
            let offset = bytes.littleEndian(UInt32.self, at: entry + 16)
            let length = bytes.littleEndian(UInt32.self, at: entry + 20)
            let flags = bytes.littleEndian(UInt32.self, at: entry + 24)
            // Users' items may bear any identifier.
            guard flags & 1 == 0, let item = items[GUID(bytes[entry..<entry + 16])] else {
                guard flags & 4 == 0 else {
                    throw file.unsupported("the VHDX needs metadata of an unknown kind", at: position)
                }
                continue
            }
            let start = region.lowerBound + UInt64(offset)
            guard length == 0 || offset >= UInt32(tableLength), length <= maximumItemLength,
                start + UInt64(length) <= region.upperBound
            else { throw file.damaged("an item of the metadata is at an impossible place", at: position + 16) }
            guard places.updateValue(start..<start + UInt64(length), forKey: item) == nil else {
                throw file.damaged("an item of the metadata is listed twice", at: position)
            }
        }
        return places
    }
}
