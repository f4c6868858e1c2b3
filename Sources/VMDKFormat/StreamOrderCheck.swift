import ByteLayout
import DiskImage

/// Checks that the tables of a stream whose directory comes last are where a reader that can't seek looks for them: each
/// behind its marker, and the mark of the end behind the footer.
struct StreamOrderCheck {
    let file: ImageFile
    /// That of the footer, if there is one.
    let header: SparseHeader

    func run(_ report: inout CheckReport) throws(ImageError) {
        guard header.flags.contains(.markers),
            try SparseHeader(file: file).directoryOffset == SparseHeader.directoryAtEnd
        else { return }
        try require(.grainDirectory, before: header.directoryOffset, length: header.directoryEntries * 4, &report)
        guard
            let directory = try? GrainDirectory(
                file: file, offset: header.layout.directoryOffset, layout: header.layout)
        else { return }
        for table in directory.tables where table != 0 {
            try report.requireWanted()
            try require(.grainTable, before: UInt64(table), length: header.tableLength, &report)
        }
        let end = try StreamFooter.end(in: file)
        let marker = try file.read(
            at: end, count: Int(min(VMDK.sectorSize, file.size - end)), what: "end of the stream")
        if UInt64(marker.count) < VMDK.sectorSize || !ZeroScan.isZero(marker) {
            report.corruption("the mark of the stream's end is missing", in: file, at: end)
        }
    }

    private enum Marker: UInt32 {
        case grainTable = 1
        case grainDirectory = 2
    }

    /// Checks that the sector before `sector` is a marker that tells of what follows.
    private func require(
        _ marker: Marker, before sector: UInt64, length: UInt64, _ report: inout CheckReport
    ) throws(ImageError) {
        // That it is in the file has been checked.
        guard sector > 0, sector <= file.size / VMDK.sectorSize else { return }
        let start = (sector - 1) * VMDK.sectorSize
        let bytes = try file.read(at: start, count: 16, what: "marker")
        let sectors = length.dividedUp(by: VMDK.sectorSize)
        guard bytes.littleEndian(UInt64.self, at: 0) == sectors, bytes.littleEndian(UInt32.self, at: 8) == 0,
            bytes.littleEndian(UInt32.self, at: 12) == marker.rawValue
        else {
            report.corruption("the marker of a table is missing or wrong", in: file, at: start)
            return
        }
    }
}
