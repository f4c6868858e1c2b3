/// How large a server's requests may be, and how they must be aligned.
struct NBDBlockSize: Equatable, Sendable {
    /// Offset and length of every request are multiples of it, except at the end of the export: a power of two.
    let minimum: UInt64
    /// The most that a request transfers, in bytes: a multiple of ``minimum``.
    let maximum: UInt64
    /// Bytes of the export.
    let exportSize: UInt64

    /// What every server takes that doesn't tell its maximum.
    private static let defaultMaximum: UInt64 = 32 << 20

    /// - Parameters:
    ///   - minimum: as the server tells it, 0 if it doesn't.
    ///   - maximum: likewise.
    init(minimum: UInt64, maximum: UInt64, exportSize: UInt64) {
        let isPowerOfTwo = minimum.nonzeroBitCount == 1
        self.minimum = isPowerOfTwo ? minimum : 1
        let limit = maximum == 0 ? Self.defaultMaximum : min(maximum, Self.defaultMaximum)
        self.maximum = max(limit & ~(self.minimum - 1), self.minimum)
        self.exportSize = exportSize
    }

    /// What to ask for first in order to read `count` bytes, at least one, from `offset`: as many whole blocks as are wanted
    /// and allowed, or, where the range doesn't begin with a whole block, the block in which it begins.
    func request(at offset: UInt64, count: Int) -> Range<UInt64> {
        let start = offset & ~(minimum - 1)
        let end = min((offset + UInt64(count)) & ~(minimum - 1), start + maximum)
        if start == offset, end > start { return start..<end }
        return start..<min(start + minimum, exportSize)
    }
}
