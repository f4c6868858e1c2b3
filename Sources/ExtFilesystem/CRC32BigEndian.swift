/// CRC-32 with the polynomial of Ethernet, highest bit first and without inversions: what the first kind of checksums of
/// jbd2 are, which cover a transaction each.
struct CRC32BigEndian {
    private(set) var value = UInt32.max

    mutating func update(_ bytes: [UInt8]) {
        let table = Self.table
        for byte in bytes { value = value << 8 ^ table[Int(UInt8(value >> 24) ^ byte)] }
    }

    private static let table: [UInt32] = (0..<256).map { byte in
        (0..<8).reduce(UInt32(byte) << 24) { state, _ in state << 1 ^ (state >> 31 == 1 ? 0x04C1_1DB7 : 0) }
    }
}
