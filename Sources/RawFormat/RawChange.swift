import DiskImage

/// A change of a raw image: it has no tables to switch over, so all that changes is its last step.
struct RawChange: PreparedChange {
    private static let sectorSize: UInt64 = 512
    /// Bytes that are written at once.
    private static let pieceLength: UInt64 = 1 << 20

    private let changes: DiskChanges
    /// The parts of the image that change: whole sectors, in pieces.
    private let ranges: [Range<UInt64>]

    /// Finds out what changes, and makes room for what is in holes of the file: afterwards it would be too late.
    init(_ changes: DiskChanges, in file: EditableFile) throws(ImageError) {
        self.changes = changes
        let image = try file.reader()
        var ranges: [Range<UInt64>] = []
        for run in try changes.units(of: Self.sectorSize) {
            let end = min(run.upperBound * Self.sectorSize, image.size)
            for start in stride(from: run.lowerBound * Self.sectorSize, to: end, by: Int(Self.pieceLength)) {
                ranges.append(start..<min(start + Self.pieceLength, end))
            }
        }
        self.ranges = ranges
        guard !image.isBlockDevice else { return }
        for range in ranges { try file.reserve(range) }
    }

    let isAtomic = false
    let premises: [Range<UInt64>] = []

    var report: CommitReport {
        var report = CommitReport()
        report.writtenBytes = ranges.reduce(0) { $0 + UInt64($1.count) }
        return report
    }

    func forEachWrite(
        _ body: (_ offset: UInt64, _ bytes: [UInt8]) throws(ImageError) -> Void
    ) throws(ImageError) {
        for range in ranges { try body(range.lowerBound, try changes.read(range)) }
    }

    func finish() {}
}
