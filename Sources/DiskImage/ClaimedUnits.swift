/// Which units of a part of a file something claims: finds two things at one place. The units are sectors, or whatever all
/// that is claimed is aligned to.
package struct ClaimedUnits {
    /// Units of a window: 32 MiB of memory, and 128 GiB of file in sectors.
    package static let windowLength: UInt64 = 1 << 28

    private let window: Range<UInt64>
    private var words: [UInt64]

    /// The windows over the units `0..<count`; each is to be looked at by itself.
    package static func windows(_ count: UInt64) -> [ClaimedUnits] {
        stride(from: 0, to: count, by: Int(windowLength)).map {
            ClaimedUnits(window: $0..<min($0 + windowLength, count))
        }
    }

    private init(window: Range<UInt64>) {
        self.window = window
        words = []
    }

    /// Claims those of `units` that are in the window.
    /// - Returns: whether none of them was claimed before.
    package mutating func claim(_ units: Range<UInt64>) -> Bool {
        let part = units.clamped(to: window)
        guard !part.isEmpty else { return true }
        if words.isEmpty { words = [UInt64](repeating: 0, count: (window.count + 63) / 64) }
        var isFree = true
        var position = part.lowerBound - window.lowerBound
        let end = part.upperBound - window.lowerBound
        while position < end {
            let length = min(64 - position % 64, end - position)
            let mask = (UInt64.max >> (64 - length)) << (position % 64)
            let index = Int(position / 64)
            if words[index] & mask != 0 { isFree = false }
            words[index] |= mask
            position += length
        }
        return isFree
    }
}
