import ByteLayout

/// A block of the log that says something about others.
struct JournalBlock {
    enum Kind: UInt32 {
        case descriptor = 1
        case commit = 2
        case revoke = 5
    }

    let kind: Kind
    /// Number of the transaction that it belongs to.
    let sequence: UInt32
    let bytes: [UInt8]

    /// Bytes of the header that all kinds have: magic, kind, number.
    static let headerLength = 12
    private static let commitChecksumField = 16

    /// Nil if `bytes` are no such block.
    init?(_ bytes: [UInt8]) {
        guard bytes.bigEndian(UInt32.self, at: 0) == Journal.magic,
            let kind = Kind(rawValue: bytes.bigEndian(UInt32.self, at: 4))
        else { return nil }
        self.kind = kind
        self.bytes = bytes
        sequence = bytes.bigEndian(UInt32.self, at: 8)
    }

    /// Whether the block's own checksum is right, in a journal that has them.
    func hasValidChecksum(seed: CRC32C) -> Bool {
        let field = kind == .commit ? Self.commitChecksumField : bytes.count - 4
        var zeroed = bytes
        zeroed.storeBigEndian(UInt32(0), at: field)
        var checksum = seed
        checksum.update(zeroed)
        return bytes.bigEndian(UInt32.self, at: field) == checksum.linuxValue
    }

    /// When a commit block was written, in seconds since 1970.
    var committed: UInt64 { bytes.bigEndian(UInt64.self, at: 48) }

    /// Whether a commit block's CRC-32 of the transaction is `sum`, or there is none.
    func acceptsTransactionChecksum(_ sum: UInt32) -> Bool {
        let (type, size) = (bytes[12], bytes[13])
        let stored = bytes.bigEndian(UInt32.self, at: Self.commitChecksumField)
        return (type == 1 && size == 4 && stored == sum) || (type == 0 && size == 0 && stored == 0)
    }

    /// The blocks of the filesystem that a revoke block names, nil if it is damaged.
    func revoked(_ superblock: JournalSuperblock) -> [UInt64]? {
        let start = Self.headerLength + 4
        let end = Int(bytes.bigEndian(UInt32.self, at: Self.headerLength))
        guard end >= start, end <= bytes.count - superblock.tailLength else { return nil }
        let is64Bit = superblock.has(JournalSuperblock.Incompatible.is64Bit)
        let width = is64Bit ? 8 : 4
        return stride(from: start, through: end - width, by: width).map { offset in
            is64Bit ? bytes.bigEndian(UInt64.self, at: offset) : UInt64(bytes.bigEndian(UInt32.self, at: offset))
        }
    }
}
