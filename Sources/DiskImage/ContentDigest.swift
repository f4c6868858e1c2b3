import ByteLayout

/// A fingerprint of a disk's content and form, for formats that number their contents (VMDK's content ID, say): the same
/// output gets the same number, a changed one another. No cryptographic hash.
package struct ContentDigest: Sendable {
    private var state: (high: UInt64, low: UInt64) = (0x6A09_E667_F3BC_C908, 0xBB67_AE85_84CA_A73B)

    package init() {}

    /// Adds a number.
    package mutating func add(_ value: UInt64) {
        state.high = Self.mix(state.high ^ value)
        state.low = Self.mix(state.low &+ state.high)
    }

    /// Adds a text with its end.
    package mutating func add(_ text: String) {
        for byte in text.utf8 { add(UInt64(byte)) }
        add(UInt64.max)
    }

    /// Adds a chunk with its place and checksum, unless nothing of it is stored: whether zeros were found or known does
    /// not matter.
    package mutating func add(_ chunk: EncodedChunk) {
        var stored = false
        for (index, unit) in chunk.units.enumerated() where unit != .zero {
            stored = true
            add(chunk.offset.bytes + UInt64(index))
        }
        if stored { add(UInt64(chunk.checksum)) }
    }

    /// 128 bits of everything that was added.
    package var bits: (high: UInt64, low: UInt64) { (Self.mix(state.high &+ state.low), Self.mix(state.low)) }

    /// An identifier made of ``bits``, marked as one that follows a rule of its own (version 8 of RFC 9562).
    package var identifier: GUID {
        var bytes = [UInt8](repeating: 0, count: 16)
        bytes.storeLittleEndian(bits.high, at: 0)
        bytes.storeLittleEndian(bits.low, at: 8)
        bytes[7] = bytes[7] & 0x0F | 0x80
        bytes[8] = bytes[8] & 0x3F | 0x80
        return GUID(bytes)
    }

    /// A permutation in which every bit depends on all others: the finalizer of SplitMix64.
    private static func mix(_ value: UInt64) -> UInt64 {
        var value = value &+ 0x9E37_79B9_7F4A_7C15
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
