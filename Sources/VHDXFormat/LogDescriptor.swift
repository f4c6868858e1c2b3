import ByteLayout

/// What an entry of the log does to one range of the file.
struct LogDescriptor {
    enum Content {
        /// Zeros it.
        case zero
        /// Overwrites a sector of 4 KiB. Its first eight and last four bytes are here: in the log their places hold marks.
        case sector(leading: UInt64, trailing: UInt32)
    }

    /// Bytes of the file.
    var range: Range<UInt64>
    var content: Content
    /// That of the entry.
    var sequence: UInt64

    private static let zeroSignature = Array("zero".utf8)
    private static let dataSignature = Array("desc".utf8)

    /// The descriptor at `bytes[offset]`, nil if it is none.
    init?(_ bytes: [UInt8], at offset: Int) {
        let start = bytes.littleEndian(UInt64.self, at: offset + 16)
        let length: UInt64
        switch Array(bytes[offset..<offset + 4]) {
        case Self.zeroSignature:
            length = bytes.littleEndian(UInt64.self, at: offset + 8)
            content = .zero
        case Self.dataSignature:
            length = LogRing.sectorLength
            content = .sector(
                leading: bytes.littleEndian(UInt64.self, at: offset + 8),
                trailing: bytes.littleEndian(UInt32.self, at: offset + 4))
        default:
            return nil
        }
        guard start % LogRing.sectorLength == 0, length % LogRing.sectorLength == 0,
            start <= UInt64(Int64.max), length <= UInt64(Int64.max) - start
        else { return nil }
        range = start..<start + length
        sequence = bytes.littleEndian(UInt64.self, at: offset + 24)
    }
}
