import ByteLayout
import GuestDisk

/// An inode as it is in its table, field by field. See the kernel's documentation of ext4, "Index Nodes".
struct ExtInode {
    /// As many as the superblock says that inodes have, at least 128.
    var bytes: [UInt8]

    /// Bytes of the field in which the block map starts, or a short symbolic link is.
    static let blockFieldLength = 60
    private static let blockField = 40

    init(size: Int) {
        bytes = [UInt8](repeating: 0, count: size)
    }

    enum Flags {
        static let encrypted: UInt32 = 0x800
        static let extents: UInt32 = 0x8_0000
        static let verity: UInt32 = 0x10_0000
        static let inlineData: UInt32 = 0x1000_0000
        static let caseFolded: UInt32 = 0x4000_0000
    }

    var mode: UInt16 {
        get { bytes.littleEndian(UInt16.self, at: 0) }
        set { bytes.storeLittleEndian(newValue, at: 0) }
    }

    /// Nil if the mode has none of the types that there are.
    var kind: FileStatus.Kind? {
        switch mode & 0xF000 {
        case 0x1000: .fifo
        case 0x2000: .characterDevice
        case 0x4000: .directory
        case 0x6000: .blockDevice
        case 0x8000: .regular
        case 0xA000: .symbolicLink
        case 0xC000: .socket
        default: nil
        }
    }

    var owner: UInt32 {
        get { UInt32(bytes.littleEndian(UInt16.self, at: 2)) | UInt32(bytes.littleEndian(UInt16.self, at: 120)) << 16 }
        set {
            bytes.storeLittleEndian(UInt16(truncatingIfNeeded: newValue), at: 2)
            bytes.storeLittleEndian(UInt16(newValue >> 16), at: 120)
        }
    }

    var group: UInt32 {
        get { UInt32(bytes.littleEndian(UInt16.self, at: 24)) | UInt32(bytes.littleEndian(UInt16.self, at: 122)) << 16 }
        set {
            bytes.storeLittleEndian(UInt16(truncatingIfNeeded: newValue), at: 24)
            bytes.storeLittleEndian(UInt16(newValue >> 16), at: 122)
        }
    }

    /// Bytes of the content.
    var size: UInt64 {
        get {
            UInt64(bytes.littleEndian(UInt32.self, at: 4)) | UInt64(bytes.littleEndian(UInt32.self, at: 108)) << 32
        }
        set {
            bytes.storeLittleEndian(UInt32(truncatingIfNeeded: newValue), at: 4)
            bytes.storeLittleEndian(UInt32(newValue >> 32), at: 108)
        }
    }

    var links: UInt16 {
        get { bytes.littleEndian(UInt16.self, at: 26) }
        set { bytes.storeLittleEndian(newValue, at: 26) }
    }

    var flags: UInt32 {
        get { bytes.littleEndian(UInt32.self, at: 32) }
        set { bytes.storeLittleEndian(newValue, at: 32) }
    }

    func has(_ flag: UInt32) -> Bool { flags & flag != 0 }

    /// Where the block map starts: pointers, or the root of a tree of extents.
    var blockMap: [UInt8] {
        get { Array(bytes[Self.blockField..<Self.blockField + Self.blockFieldLength]) }
        set { bytes.replaceSubrange(Self.blockField..<Self.blockField + Self.blockFieldLength, with: newValue) }
    }

    /// When the file was deleted, in seconds since 1970.
    var deleted: UInt32 {
        get { bytes.littleEndian(UInt32.self, at: 20) }
        set { bytes.storeLittleEndian(newValue, at: 20) }
    }
}
