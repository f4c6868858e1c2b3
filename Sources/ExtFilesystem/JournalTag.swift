import ByteLayout

/// What a descriptor block says of a block that follows it.
struct JournalTag: Equatable {
    /// The block of the filesystem whose new content it is.
    var block: UInt64
    /// The content would begin with the journal's magic number, and has zeros instead.
    var isEscaped: Bool
    /// Of the transaction's number and the block as it is in the journal; the lower 16 bits only in version 2.
    var checksum: UInt32

    private enum Flags {
        static let escaped: UInt32 = 1
        /// No UUID of the journal follows the tag.
        static let sameUUID: UInt32 = 2
        static let last: UInt32 = 8
    }

    /// The tags of a descriptor block. They have three layouts:
    /// ```
    ///  version 3   block │ flags (4) │ block's upper half │ checksum (4)
    ///  version 2   block │ checksum (2) │ flags (2) │ [upper half] │ 2 bytes
    ///  before      block │ checksum (2) │ flags (2) │ [upper half]
    /// ```
    static func all(in descriptor: JournalBlock, _ superblock: JournalSuperblock) -> [JournalTag] {
        let isV3 = superblock.has(JournalSuperblock.Incompatible.checksumV3)
        let is64Bit = superblock.has(JournalSuperblock.Incompatible.is64Bit)
        let length =
            isV3 ? 16 : 8 + (is64Bit ? 4 : 0) + (superblock.has(JournalSuperblock.Incompatible.checksumV2) ? 2 : 0)
        let bytes = descriptor.bytes
        let end = bytes.count - superblock.tailLength
        var tags: [JournalTag] = []
        var offset = JournalBlock.headerLength
        while offset + length <= end {
            let flags =
                isV3
                ? bytes.bigEndian(UInt32.self, at: offset + 4) : UInt32(bytes.bigEndian(UInt16.self, at: offset + 6))
            let upper = is64Bit ? UInt64(bytes.bigEndian(UInt32.self, at: offset + 8)) : 0
            tags.append(
                JournalTag(
                    block: upper << 32 | UInt64(bytes.bigEndian(UInt32.self, at: offset)),
                    isEscaped: flags & Flags.escaped != 0,
                    checksum: isV3
                        ? bytes.bigEndian(UInt32.self, at: offset + 12)
                        : UInt32(bytes.bigEndian(UInt16.self, at: offset + 4))))
            offset += length + (flags & Flags.sameUUID == 0 ? 16 : 0)
            if flags & Flags.last != 0 { break }
        }
        return tags
    }
}
