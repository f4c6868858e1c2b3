/// The checksum CRC-32 of ITU-T V.42, as zlib, PNG and GPT have it.
package enum CRC32 {
    /// The checksum of `bytes`.
    package static func of(_ bytes: some Sequence<UInt8>) -> UInt32 {
        ~update(.max, bytes)
    }

    /// The state after `bytes`, for those who begin or end in their own way.
    package static func update(_ state: UInt32, _ bytes: some Sequence<UInt8>) -> UInt32 {
        bytes.reduce(state) { state, byte in state >> 8 ^ table[Int(UInt8(truncatingIfNeeded: state) ^ byte)] }
    }

    /// What a byte does to the state: its eight steps through the polynomial, lowest bit first.
    private static let table: [UInt32] = (0..<256).map { byte in
        (0..<8).reduce(UInt32(byte)) { state, _ in state >> 1 ^ (state & 1 == 1 ? 0xEDB8_8320 : 0) }
    }
}
