package import DiskImage
import Locking

/// What was lost while salvaging: the ranges of the virtual disk that became zeros.
package final class Losses: Sendable {
    private let found = Guarded([LostRange]())

    /// Ranges that are kept apart; if there are more, the closest to each other grow together.
    private static let maximumCount = 65536

    package init() {}

    /// Notes a range. The same range may be noted twice: by the survey and when it is copied.
    func add(at offset: UInt64, length: UInt64, _ error: ImageError) {
        let range = LostRange(start: offset, length: length, reason: error.description)
        found.withLock { found in
            // Most losses follow each other.
            if let last = found.last, last.end == range.start {
                found[found.count - 1].length += range.length
            } else {
                found.append(range)
                if found.count >= 2 * Self.maximumCount { found = Self.merged(found, gap: 1 << 20) }
            }
        }
    }

    /// All ranges in the order of the disk; neighbours are one, with the reason of the first.
    package var ranges: [LostRange] { Self.merged(found.withLock { $0 }, gap: 0) }

    /// Sorts, and joins ranges that are at most `gap` bytes apart.
    private static func merged(_ ranges: [LostRange], gap: UInt64) -> [LostRange] {
        var merged: [LostRange] = []
        for range in ranges.sorted(by: { ($0.start, $1.length) < ($1.start, $0.length) }) {
            if let last = merged.last, last.end + gap >= range.start {
                merged[merged.count - 1].length = max(last.end, range.end) - last.start
            } else {
                merged.append(range)
            }
        }
        return merged
    }
}
