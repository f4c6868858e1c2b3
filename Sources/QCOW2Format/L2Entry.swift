/// One 64-bit entry of a standard L2 table.
struct L2Entry: Equatable {
    var rawValue: UInt64

    static let copied: UInt64 = 1 << 63
    static let compressed: UInt64 = 1 << 62
    static let zero: UInt64 = 1

    var isCompressed: Bool { rawValue & Self.compressed != 0 }
    /// Reads as zeros whatever is stored (version 3 only).
    var isZero: Bool { rawValue & Self.zero != 0 }
    /// Host offset of a plain cluster; 0 if there is none.
    var hostOffset: UInt64 { rawValue & QCOW2.offsetMask }
    /// Bits that must be zero in a plain entry.
    var hasReservedBits: Bool { rawValue & 0x3F00_0000_0000_01FE != 0 }

    /// How many bits of a compressed entry hold the byte offset; the sector count is above them.
    static func compressedOffsetBits(clusterBits: Int) -> Int { 62 - (clusterBits - 8) }

    /// Where compressed data lies: from its first byte to the end of its last 512-byte sector.
    func compressedRange(clusterBits: Int) -> Range<UInt64> {
        let bits = Self.compressedOffsetBits(clusterBits: clusterBits)
        let offset = rawValue & ((1 << UInt64(bits)) - 1)
        let moreSectors = (rawValue & ~(Self.copied | Self.compressed)) >> UInt64(bits)
        return offset..<((offset & ~511) + (moreSectors + 1) * 512)
    }

    /// The entry for a plain cluster that only this entry uses.
    static func plain(at offset: UInt64) -> L2Entry { L2Entry(rawValue: offset | copied) }

    /// The entry for a cluster that is zero although the backing file has something there (version 3).
    static let marked = L2Entry(rawValue: zero)

    /// The entry for `length` compressed bytes at `offset`.
    static func compressed(at offset: UInt64, length: Int, clusterBits: Int) -> L2Entry {
        let moreSectors = ((offset + UInt64(length) - 1) >> 9) - (offset >> 9)
        let bits = UInt64(compressedOffsetBits(clusterBits: clusterBits))
        return L2Entry(rawValue: compressed | (moreSectors << bits) | offset)
    }
}
