import ByteLayout

/// A refcount block: a cluster of counts of 1 to 64 bits. Counts of less than a byte start in the byte's lowest bits; the
/// others are big-endian.
struct RefcountBlock {
    var bytes: [UInt8]
    /// Bits of a count: a power of two.
    let bits: Int

    init(_ bytes: [UInt8], bits: Int) {
        self.bytes = bytes
        self.bits = bits
    }

    /// How many counts there are.
    var count: Int { bytes.count * 8 / bits }

    /// The largest count there can be.
    static func maximum(bits: Int) -> UInt64 { bits == 64 ? .max : (1 << UInt64(bits)) - 1 }

    /// The count number `index`. A new one must not be larger than ``maximum(bits:)``.
    subscript(index: Int) -> UInt64 {
        get {
            switch bits {
            case 64: return bytes.bigEndian(UInt64.self, at: index * 8)
            case 32: return UInt64(bytes.bigEndian(UInt32.self, at: index * 4))
            case 16: return UInt64(bytes.bigEndian(UInt16.self, at: index * 2))
            default:
                let (byte, shift) = place(of: index)
                return UInt64(bytes[byte] >> shift & mask)
            }
        }
        set {
            switch bits {
            case 64: bytes.storeBigEndian(newValue, at: index * 8)
            case 32: bytes.storeBigEndian(UInt32(newValue), at: index * 4)
            case 16: bytes.storeBigEndian(UInt16(newValue), at: index * 2)
            default:
                let (byte, shift) = place(of: index)
                bytes[byte] = bytes[byte] & ~(mask << shift) | UInt8(newValue) << shift
            }
        }
    }

    /// Where a count of up to 8 bits is.
    private func place(of index: Int) -> (byte: Int, shift: UInt8) {
        let perByte = 8 / bits
        return (index / perByte, UInt8(index % perByte * bits))
    }

    private var mask: UInt8 { UInt8(truncatingIfNeeded: (1 << bits) - 1) }
}
