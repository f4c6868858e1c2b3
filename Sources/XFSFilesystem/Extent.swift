import ByteLayout

/// Blocks of a file that follow each other on the device (`xfs_bmbt_rec`).
struct Extent: Equatable {
    /// Bytes of a record.
    static let length = 16

    /// Which block of the file is the first.
    var fileBlock: UInt64
    var start: BlockNumber
    /// How many blocks: less than 2^21, not 0.
    var count: UInt64
    /// Allocated but never written to: reads as zeros.
    var isUnwritten: Bool

    /// Behind the last block of the file that it has.
    var end: UInt64 { fileBlock + count }

    /// The record at `offset`; nil if it has no blocks. 128 bits: a flag, 54 of the file's block, 52 of the device's, and 21
    /// of the count.
    init?(_ bytes: [UInt8], at offset: Int) {
        let upper = bytes.bigEndian(UInt64.self, at: offset)
        let lower = bytes.bigEndian(UInt64.self, at: offset + 8)
        isUnwritten = upper >> 63 == 1
        fileBlock = (upper & (1 << 63 - 1)) >> 9
        start = BlockNumber((upper & 0x1FF) << 43 | lower >> 21)
        count = lower & 0x1F_FFFF
        guard count > 0 else { return nil }
    }

    /// What is left of it from `block` of the file on, which it must have.
    func suffix(from block: UInt64) -> Extent {
        var suffix = self
        suffix.fileBlock = block
        suffix.start = start.advanced(by: block - fileBlock)
        suffix.count = end - block
        return suffix
    }
}
