import ByteLayout
import GuestDisk

/// What an item says of a file.
struct BtrfsInode {
    private(set) var bytes: [UInt8]

    private static let length = 160

    /// - Throws: `damaged` if it is too short, or of no type that there is.
    init(_ bytes: [UInt8], number: UInt64) throws(GuestError) {
        self.bytes = bytes
        guard bytes.count >= Self.length, Self.kind(bytes) != nil else {
            throw GuestError(.damaged, "inode \(number) is damaged")
        }
    }

    var mode: UInt32 { bytes.littleEndian(UInt32.self, at: 52) }
    /// Bytes of the content.
    var size: UInt64 {
        get { bytes.littleEndian(UInt64.self, at: 16) }
        set { bytes.storeLittleEndian(newValue, at: 16) }
    }

    /// Bytes that are allocated for the content.
    var allocated: UInt64 {
        get { bytes.littleEndian(UInt64.self, at: 24) }
        set { bytes.storeLittleEndian(newValue, at: 24) }
    }

    private var flags: UInt64 { bytes.littleEndian(UInt64.self, at: 64) }
    /// The content has no checksums.
    var isWithoutChecksums: Bool { flags & 1 != 0 }
    /// fs-verity seals it.
    var isSealed: Bool { flags >> 32 & 1 != 0 }

    var kind: FileStatus.Kind {
        guard let kind = Self.kind(bytes) else { preconditionFailure("checked when it was read") }
        return kind
    }

    var status: FileStatus {
        FileStatus(
            kind: kind, permissions: UInt16(mode & 0xFFF), owner: bytes.littleEndian(UInt32.self, at: 44),
            group: bytes.littleEndian(UInt32.self, at: 48), size: size,
            links: bytes.littleEndian(UInt32.self, at: 40), modified: bytes.littleEndian(Int64.self, at: 136))
    }

    private static func kind(_ bytes: [UInt8]) -> FileStatus.Kind? {
        switch bytes.littleEndian(UInt32.self, at: 52) >> 12 {
        case 1: .fifo
        case 2: .characterDevice
        case 4: .directory
        case 6: .blockDevice
        case 8: .regular
        case 10: .symbolicLink
        case 12: .socket
        default: nil
        }
    }
}
