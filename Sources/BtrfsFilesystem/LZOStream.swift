import ByteLayout

/// How btrfs keeps LZO: the length of all, then pieces that each decompress to a sector at most, behind their length.
///
/// No length crosses the end of a sector: where less than four bytes of it are left, they are not used.
enum LZOStream {
    private static let lengthSize = 4

    /// Puts what `source` decompresses to at the start of `bytes`, and tells its length; nil if it is damaged.
    static func decode(_ source: [UInt8], into bytes: inout [UInt8], sectorSize: Int) -> Int? {
        guard source.count >= lengthSize else { return nil }
        let total = Int(source.littleEndian(UInt32.self, at: 0))
        guard total <= source.count else { return nil }
        var position = lengthSize
        var produced = 0
        while position + lengthSize <= total, produced < bytes.count {
            let left = sectorSize - position % sectorSize
            if left < lengthSize { position += left }
            guard position + lengthSize <= total else { break }
            let length = Int(source.littleEndian(UInt32.self, at: position))
            position += lengthSize
            guard length <= total - position else { return nil }
            let limit = min(sectorSize, bytes.count - produced)
            guard let piece = LZODecoder.decode(source[position..<position + length], limit: limit) else { return nil }
            bytes.replaceSubrange(produced..<produced + piece.count, with: piece)
            produced += piece.count
            position += length
        }
        return produced
    }
}
