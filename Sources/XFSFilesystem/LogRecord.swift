import ByteLayout

/// The header of a record of the log (`xlog_rec_header`), which takes a block of 512 bytes, or several if the record is long.
/// ```
///   magic 4 │ cycle 4 │ version 4 │ length 4 │ LSN 8 │ tail's LSN 8 │ … │ operations at 40 │ … │ buffer size at 320
/// ```
struct LogRecord {
    static let magic: UInt32 = 0xFEED_BABE
    /// A header block tells the first words of this many bytes: longer records have more headers.
    private static let bytesPerHeader = 32 << 10
    /// `XLOG_MAX_RECORD_BSIZE`
    private static let maximumLength = 256 << 10
    /// Blocks of the longest record and its headers.
    static let maximumBlocks = maximumLength / Log.blockSize + maximumLength / bytesPerHeader

    /// How often the log had been gone through when it was written.
    let cycle: UInt32
    /// Blocks of headers.
    let headerBlocks: Int
    /// Blocks of content behind them.
    let contentBlocks: Int
    /// How many operations the content has.
    let operationCount: UInt32

    /// The header in the block at `offset` of `bytes`; nil if there is none.
    init?(_ bytes: [UInt8], at offset: Int) {
        guard bytes.bigEndian(UInt32.self, at: offset) == Self.magic else { return nil }
        let version = bytes.bigEndian(UInt32.self, at: offset + 8)
        let length = Int(bytes.bigEndian(UInt32.self, at: offset + 12))
        let size = Int(bytes.bigEndian(UInt32.self, at: offset + 320))
        guard version == 1 || version == 2, length > 0, length <= Self.maximumLength, size <= Self.maximumLength else {
            return nil
        }
        cycle = bytes.bigEndian(UInt32.self, at: offset + 4)
        headerBlocks =
            version == 2 && size > Self.bytesPerHeader
            ? (size + Self.bytesPerHeader - 1) / Self.bytesPerHeader : 1
        contentBlocks = (length + Log.blockSize - 1) / Log.blockSize
        operationCount = bytes.bigEndian(UInt32.self, at: offset + 40)
    }

    /// Whether the operation that the block at `offset` of `bytes` begins with is what an unmount writes at its end
    /// (`xlog_op_header`: transaction 4 │ length 4 │ client 1 │ flags 1).
    static func isUnmount(_ bytes: [UInt8], at offset: Int) -> Bool {
        bytes[offset + 8] == 0xAA && bytes[offset + 9] & 0x20 != 0
    }
}
