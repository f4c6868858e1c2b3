/// Connectix' and Microsoft's virtual hard disk. All integers are big-endian.
/// ```
///  fixed         disk │ footer
///  dynamic       copy of the footer │ dynamic header │ BAT │ blocks: bitmap of sectors, data │ footer
///  differencing  like dynamic; sectors whose bit is clear are the parent's
/// ```
/// Source of the facts: Microsoft's "Virtual Hard Disk Image Format Specification", and images of many writers.
enum VHD {
    static let sectorSize: UInt64 = 512
    /// At the start of the footer.
    static let cookie = Array("conectix".utf8)
    /// At the start of the dynamic header.
    static let dynamicCookie = Array("cxsparse".utf8)
    static let dynamicHeaderLength = 1024
    /// Sectors that a block table can name.
    static let addressableSectors = UInt64(1) << 32
    /// The upper half of a version; the lower half is compatible.
    static let majorVersion: UInt32 = 1
    /// Most blocks of a disk: 64 MiB of BAT, which is 32 TiB in blocks of 2 MiB. Sectors are counted in 32 bits, so
    /// real files stay below 2 TiB.
    static let maximumBlocks: UInt32 = 16 << 20

    /// The complement of the sum of all bytes but the four at `field`, where it is stored.
    static func checksum(_ bytes: [UInt8], field: Int) -> UInt32 {
        var sum: UInt32 = 0
        for (index, byte) in bytes.enumerated() where !(field..<field + 4).contains(index) { sum &+= UInt32(byte) }
        return ~sum
    }
}
