/// Which bit of a byte of a bitmap is the first.
package enum BitOrder: Sendable {
    /// Bit 7 (VHD).
    case mostSignificantFirst
    /// Bit 0 (VHDX).
    case leastSignificantFirst
}

extension [UInt8] {
    /// Bit `index` of this bitmap, and how many bits from it on, up to bit `end`, are like it.
    package func bitRun(at index: Int, end: Int, order: BitOrder) -> (isSet: Bool, length: Int) {
        func bit(_ index: Int) -> Bool {
            let place = order == .mostSignificantFirst ? 7 - index % 8 : index % 8
            return self[index / 8] >> UInt8(place) & 1 == 1
        }
        let isSet = bit(index)
        let uniform: UInt8 = isSet ? 0xFF : 0
        var next = index + 1
        while next < end {
            if next % 8 == 0, self[next / 8] == uniform {
                next += 8
            } else if bit(next) == isSet {
                next += 1
            } else {
                break
            }
        }
        return (isSet, Swift.min(next, end) - index)
    }
}
