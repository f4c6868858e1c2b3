import ByteLayout
import DiskImage

/// Checks a sparse extent: that its tables and grains are in the file, each at a place of its own, and that the redundant
/// tables say the same as the others.
struct SparseExtentCheck {
    private let file: ImageFile
    private let layout: GrainLayout
    /// Bytes of virtual disk.
    private let length: UInt64
    private let directories: [GrainDirectory]

    /// Sectors that tables can name.
    private static let addressableSectors = UInt64(1) << 32

    init(file: ImageFile, layout: GrainLayout, length: UInt64, _ report: inout CheckReport) throws(ImageError) {
        self.file = file
        self.layout = layout
        self.length = length
        var directories: [GrainDirectory] = []
        for offset in [layout.directoryOffset, layout.redundantDirectoryOffset] {
            guard let offset, directories.first?.offset != offset else { continue }
            do throws(ImageError) {
                directories.append(try GrainDirectory(file: file, offset: offset, layout: layout))
            } catch {
                try report.corruption(error, in: file)
            }
        }
        self.directories = directories
    }

    func run(_ report: inout CheckReport) throws(ImageError) {
        let sectors = min(file.size.dividedUp(by: VMDK.sectorSize), Self.addressableSectors)
        for (number, window) in ClaimedUnits.windows(sectors).enumerated() {
            var claimed = window
            for range in layout.reserved { claim(range, "the header or descriptor", &claimed, &report) }
            for directory in directories {
                let end = directory.offset + UInt64(directory.tables.count) * 4
                claim(directory.offset..<end, "the grain directory", &claimed, &report)
            }
            try checkTables(&claimed, isFirst: number == 0, &report)
        }
    }

    /// - Parameter isFirst: whether this is the first window: what has nothing to do with windows is told once.
    private func checkTables(
        _ claimed: inout ClaimedUnits, isFirst: Bool, _ report: inout CheckReport
    ) throws(ImageError) {
        for index in 0..<layout.directoryEntries {
            try report.requireWanted()
            var contents: [[UInt8]?] = []
            for directory in directories {
                let content = try table(index, of: directory, &claimed, isFirst: isFirst, &report)
                contents.append(content)
            }
            guard let content = contents.first(where: { $0 != nil }) ?? nil else { continue }
            if isFirst, contents.count == 2, contents[0] != contents[1], !contents.contains(nil) {
                report.corruption(
                    "grain table \(index) and its redundant copy contradict each other", in: file,
                    at: UInt64(directories[0].tables[index]) * VMDK.sectorSize)
            }
            guard !ZeroScan.isZero(content) else { continue }
            let offset = UInt64(directories[contents[0] == nil ? 1 : 0].tables[index]) * VMDK.sectorSize
            try checkGrains(content, table: (index, offset), &claimed, isFirst: isFirst, &report)
        }
    }

    /// The bytes of table `index`; empty if the directory says that it is absent, nil if it is not in the file.
    private func table(
        _ index: Int, of directory: GrainDirectory, _ claimed: inout ClaimedUnits, isFirst: Bool,
        _ report: inout CheckReport
    ) throws(ImageError) -> [UInt8]? {
        let start = UInt64(directory.tables[index]) * VMDK.sectorSize
        guard start > 0 else { return [] }
        do throws(ImageError) {
            try directory.requireInside(index, file: file, layout: layout)
        } catch {
            if isFirst { try report.corruption(error, in: file) }
            return nil
        }
        claim(start..<start + layout.tableLength, "grain table \(index)", &claimed, &report)
        return try file.read(at: start, count: Int(layout.tableLength), what: "grain table")
    }

    private func checkGrains(
        _ content: [UInt8], table: (index: Int, offset: UInt64), _ claimed: inout ClaimedUnits, isFirst: Bool,
        _ report: inout CheckReport
    ) throws(ImageError) {
        for index in 0..<content.count / 4 {
            let entry = GrainTableEntry(rawValue: content.littleEndian(UInt32.self, at: index * 4))
            let guest = UInt64(table.index) * layout.tableCoverage + UInt64(index) * layout.grainLength
            guard entry.isAllocated, guest < length else { continue }
            let offset = table.offset + UInt64(index) * 4
            let name = "entry \(index) of grain table \(table.index)"
            guard entry.hostOffset < file.size else {
                if isFirst { report.corruption("\(name) points past the end of the file", in: file, at: offset) }
                continue
            }
            var end = entry.hostOffset + min(layout.grainLength, length - guest)
            if layout.compressedHeaderLength != nil {
                guard let compressed = try compressedEnd(of: entry, sector: guest / VMDK.sectorSize) else {
                    if isFirst {
                        report.corruption(
                            "\(name) points at what is not the compressed grain", in: file, at: entry.hostOffset)
                    }
                    continue
                }
                end = compressed
            }
            guard end <= file.size else {
                if isFirst { report.corruption("\(name) points past the end of the file", in: file, at: offset) }
                continue
            }
            claim(entry.hostOffset..<end, name, at: offset, &claimed, &report)
        }
    }

    /// Where the compressed data of a grain ends; nil if its header is not that of the grain at `sector` of the disk.
    private func compressedEnd(of entry: GrainTableEntry, sector: UInt64) throws(ImageError) -> UInt64? {
        let headerLength = layout.compressedHeaderLength ?? 0
        let start = entry.hostOffset
        guard file.size - start >= UInt64(headerLength) else { return nil }
        let header = try file.read(at: start, count: headerLength, what: "grain header")
        let size = UInt64(header.littleEndian(UInt32.self, at: headerLength - 4))
        // Without markers a grain does not say where it belongs. What can't be compressed may become a little longer.
        guard headerLength == 4 || header.littleEndian(UInt64.self, at: 0) == sector, size > 0,
            size <= 2 * layout.grainLength + 1024
        else { return nil }
        return start + UInt64(headerLength) + size
    }

    private func claim(
        _ bytes: Range<UInt64>, _ name: @autoclosure () -> String, at offset: UInt64? = nil,
        _ claimed: inout ClaimedUnits, _ report: inout CheckReport
    ) {
        let sectors = bytes.lowerBound / VMDK.sectorSize..<bytes.upperBound.dividedUp(by: VMDK.sectorSize)
        guard !claimed.claim(sectors) else { return }
        report.corruption(
            "\(name()) is where something else is already: byte \(bytes.lowerBound)", in: file,
            at: offset ?? bytes.lowerBound)
    }
}
