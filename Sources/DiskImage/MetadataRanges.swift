/// The ranges of a file that hold an image's own tables: guest data can't be there, and two tables can't share a byte.
package struct MetadataRanges: Sendable {
    /// Sorted by start, free of overlaps.
    private let starts: [UInt64]
    private let ends: [UInt64]

    /// - Returns: nil if two of the ranges overlap, with their starts in `overlap`.
    package init(_ ranges: [Range<UInt64>], overlap report: (UInt64, UInt64) -> ImageError) throws(ImageError) {
        let sorted = ranges.filter { !$0.isEmpty }.sorted { $0.lowerBound < $1.lowerBound }
        for (left, right) in zip(sorted, sorted.dropFirst()) where right.lowerBound < left.upperBound {
            throw report(left.lowerBound, right.lowerBound)
        }
        starts = sorted.map(\.lowerBound)
        ends = sorted.map(\.upperBound)
    }

    /// Whether any byte of `range`, which is not empty, belongs to a table.
    package func intersect(_ range: Range<UInt64>) -> Bool {
        // The last table that starts before the end of `range` decides: tables do not overlap.
        var low = 0
        var high = starts.count
        while low < high {
            let middle = (low + high) / 2
            if starts[middle] < range.upperBound { low = middle + 1 } else { high = middle }
        }
        return low > 0 && ends[low - 1] > range.lowerBound
    }
}
