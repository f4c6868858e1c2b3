/// The checksum CRC-32C (Castagnoli's polynomial, as iSCSI has it), of bytes in pieces.
package struct CRC32C {
    private var state: UInt32

    /// - Parameter state: what others begin with in place of all ones (names in btrfs directories).
    package init(state: UInt32 = .max) { self.state = state }

    /// The checksum of `bytes`.
    package static func of(_ bytes: [UInt8]) -> UInt32 {
        var checksum = CRC32C()
        checksum.update(bytes)
        return checksum.value
    }

    package mutating func update(_ bytes: [UInt8]) {
        let table = Self.table
        for byte in bytes { state = state >> 8 ^ table[Int(UInt8(truncatingIfNeeded: state) ^ byte)] }
    }

    package var value: UInt32 { ~state }

    /// What a byte does to the state: its eight steps through the polynomial, lowest bit first.
    private static let table: [UInt32] = (0..<256).map { byte in
        (0..<8).reduce(UInt32(byte)) { state, _ in state >> 1 ^ (state & 1 == 1 ? 0x82F6_3B78 : 0) }
    }
}
