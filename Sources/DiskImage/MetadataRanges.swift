import ByteLayout

/// The ranges of a file that hold an image's own tables: guest data can't be there, and two tables can't share a byte.
package struct MetadataRanges: Sendable {
    /// Where the tables of equal length start, sorted: there may be millions.
    private let tables: [UInt64]
    private let tableLength: UInt64
    /// The few others.
    private let others: [Range<UInt64>]

    /// - Parameters:
    ///   - tables: where the tables of `tableLength` bytes start, in any order.
    ///   - others: further ranges.
    ///   - overlap: makes the error for two ranges that overlap and start at the given offsets.
    package init(
        tables: consuming [UInt64], tableLength: UInt64, others: [Range<UInt64>],
        overlap: (UInt64, UInt64) -> ImageError
    ) throws(ImageError) {
        tables.sort()
        self.tables = tables
        self.tableLength = tableLength
        self.others = others.filter { !$0.isEmpty }
        for index in self.tables.indices.dropFirst() where self.tables[index] - self.tables[index - 1] < tableLength {
            throw overlap(self.tables[index - 1], self.tables[index])
        }
        for (index, range) in self.others.enumerated() {
            if let table = tableIntersecting(range) { throw overlap(range.lowerBound, table) }
            for other in self.others[..<index] where other.overlaps(range) {
                throw overlap(other.lowerBound, range.lowerBound)
            }
        }
    }

    /// Whether any byte of `range`, which is not empty, belongs to a table.
    package func intersect(_ range: Range<UInt64>) -> Bool {
        tableIntersecting(range) != nil || others.contains { $0.overlaps(range) }
    }

    private func tableIntersecting(_ range: Range<UInt64>) -> UInt64? {
        // The last table that starts before the end of `range` decides: tables do not overlap.
        let next = tables.partitioningIndex { $0 >= range.upperBound }
        guard next > 0, tables[next - 1] + tableLength > range.lowerBound else { return nil }
        return tables[next - 1]
    }
}
