import ByteLayout

/// The 32 bytes in a directory that say where a file is and how long, under a name of 8 and 3 characters.
struct ShortEntry: Equatable {
    enum Attributes {
        static let readOnly: UInt8 = 0x01
        static let volumeLabel: UInt8 = 0x08
        static let directory: UInt8 = 0x10
        static let archive: UInt8 = 0x20
        /// All of read-only, hidden, system and label: a part of a long name.
        static let longName: UInt8 = 0x0F
        /// The bits that distinguish files from parts of names.
        static let mask: UInt8 = 0x3F
    }

    /// Bytes of an entry.
    static let length = 32
    /// The first byte of an entry that is not in use, and of one behind which none is.
    static let deleted: UInt8 = 0xE5
    static let end: UInt8 = 0

    var bytes: [UInt8]

    /// What a slot of a directory holds.
    init(bytes: [UInt8]) {
        precondition(bytes.count == Self.length, "an entry")
        self.bytes = bytes
    }

    init(name: ShortName, attributes: UInt8, modified: Int64) {
        bytes = [UInt8](repeating: 0, count: Self.length)
        self.name = name
        self.attributes = attributes
        setTimes(modified)
    }

    var isInUse: Bool { bytes[0] != Self.deleted && bytes[0] != Self.end }
    var isPartOfLongName: Bool { attributes & Attributes.mask == Attributes.longName }
    var isVolumeLabel: Bool { !isPartOfLongName && attributes & Attributes.volumeLabel != 0 }
    var isDirectory: Bool { attributes & Attributes.directory != 0 }
    var isReadOnly: Bool { attributes & Attributes.readOnly != 0 }

    var name: ShortName {
        get { ShortName(stored: Array(bytes[0..<11]), caseBits: bytes[12]) }
        set {
            bytes.replaceSubrange(0..<11, with: newValue.stored)
            bytes[12] = newValue.caseBits
        }
    }

    var attributes: UInt8 {
        get { bytes[11] }
        set { bytes[11] = newValue }
    }

    /// Bytes; 0 for directories.
    var size: UInt32 {
        get { bytes.littleEndian(UInt32.self, at: 28) }
        set { bytes.storeLittleEndian(newValue, at: 28) }
    }

    /// 0 if there is no content. The upper half is only known to FAT32; others have used its bytes for other things.
    func firstCluster(_ width: FATGeometry.Width) -> UInt32 {
        let low = UInt32(bytes.littleEndian(UInt16.self, at: 26))
        return width == .fat32 ? low | UInt32(bytes.littleEndian(UInt16.self, at: 20)) << 16 : low
    }

    mutating func setFirstCluster(_ cluster: UInt32, _ width: FATGeometry.Width) {
        bytes.storeLittleEndian(UInt16(truncatingIfNeeded: cluster), at: 26)
        if width == .fat32 { bytes.storeLittleEndian(UInt16(truncatingIfNeeded: cluster >> 16), at: 20) }
    }
}
