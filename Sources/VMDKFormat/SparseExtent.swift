import ByteLayout
import DiskImage

/// A hosted sparse extent (KDMV) or one of VMFS (COWD): grain directory → grain tables → grains. Holds the directory and one table.
final class SparseExtent {
    private let file: ImageFile
    /// The file's number in the disk's map.
    private let fileIndex: Int
    private let layout: GrainLayout
    /// Bytes of virtual disk that the tables describe. The extent line may say that there are more: nothing is allocated
    /// there.
    private let length: UInt64
    private let directory: GrainDirectory
    /// The copy that some writers keep, with tables of its own; read when the first has proved damaged.
    private var redundant: GrainDirectory?
    private let metadata: MetadataRanges
    private let findings: Findings
    /// The table used last; no entries if all are zero.
    private var table: (index: Int, entries: [UInt32]) = (-1, [])

    /// - Parameters:
    ///   - layout: from the header, or from the footer of a stream.
    ///   - length: bytes of virtual disk, from the extent line where there is one.
    ///   - findings: is told if the redundant tables had to be used.
    ///   - tolerant: leave out tables that can't be read; to ask for what they describe is an error then.
    init(
        file: ImageFile, fileIndex: Int, layout: GrainLayout, length: UInt64, findings: Findings, tolerant: Bool
    ) throws(ImageError) {
        self.file = file
        self.fileIndex = fileIndex
        self.layout = layout
        self.length = min(length, layout.capacity)
        self.findings = findings
        do throws(ImageError) {
            directory = try GrainDirectory(file: file, offset: layout.directoryOffset, layout: layout)
        } catch {
            guard let copy = Self.redundantDirectory(file, layout) else { throw error }
            directory = copy
            findings.warn("\(file.path): the grain directory is damaged; its redundant copy was used")
        }
        var tables: [UInt64] = []
        for (index, sector) in directory.tables.enumerated() where sector != 0 {
            do throws(ImageError) {
                try directory.requireInside(index, file: file, layout: layout)
                tables.append(UInt64(sector) * VMDK.sectorSize)
            } catch {
                if redundant == nil { redundant = Self.redundantDirectory(file, layout) }
                guard tolerant || redundant != nil else { throw error }
            }
        }
        let start = directory.offset
        metadata = try MetadataRanges(
            tables: tables, tableLength: layout.tableLength,
            others: layout.reserved + [start..<start + UInt64(directory.tables.count) * 4]
        ) { first, second in
            file.damaged("two of the VMDK's tables overlap: one starts at byte \(first)", at: second)
        }
    }

    private static func redundantDirectory(_ file: ImageFile, _ layout: GrainLayout) -> GrainDirectory? {
        layout.redundantDirectoryOffset.flatMap { try? GrainDirectory(file: file, offset: $0, layout: layout) }
    }

    /// The extent of the disk map at `offset` of this extent, at most `limit` bytes.
    func extent(at offset: UInt64, limit: UInt64) throws(ImageError) -> Extent {
        let tableIndex = Int(offset / layout.tableCoverage)
        guard offset < length, tableIndex < directory.tables.count else {
            return Extent(length: limit, content: .unallocated)
        }
        let described = min(limit, length - offset)
        guard directory.tables[tableIndex] != 0 else {
            return absentTables(from: tableIndex, offset: offset, limit: described)
        }
        try load(tableIndex)
        let within = offset % layout.tableCoverage
        let limit = min(described, layout.tableCoverage - within)
        if table.entries.isEmpty { return Extent(length: limit, content: .unallocated) }
        let entry = Int(within / layout.grainLength)
        let skipped = within % layout.grainLength
        let first = GrainTableEntry(rawValue: table.entries[entry])
        if !first.isAllocated { return emptyRun(from: entry, skipped: skipped, limit: limit) }
        if layout.compressedHeaderLength != nil {
            return try compressedGrain(entry, offset: offset, skipped: skipped, limit: limit)
        }
        return try dataRun(from: entry, skipped: skipped, limit: limit)
    }

    private func absentTables(from tableIndex: Int, offset: UInt64, limit: UInt64) -> Extent {
        var end = tableIndex + 1
        var run = layout.tableCoverage - offset % layout.tableCoverage
        while run < limit, end < directory.tables.count, directory.tables[end] == 0 {
            end += 1
            run += layout.tableCoverage
        }
        return Extent(length: min(run, limit), content: .unallocated)
    }

    /// A run of grains that are not allocated, or of zeroed ones.
    private func emptyRun(from entry: Int, skipped: UInt64, limit: UInt64) -> Extent {
        func content(_ index: Int) -> Extent.Content? {
            let entry = GrainTableEntry(rawValue: table.entries[index])
            return entry.isAllocated ? nil : entry.isZeroed ? .zero : .unallocated
        }
        let first = content(entry) ?? .unallocated
        var end = entry + 1
        while end < table.entries.count, content(end) == first { end += 1 }
        return Extent(length: min(UInt64(end - entry) * layout.grainLength - skipped, limit), content: first)
    }

    private func dataRun(from entry: Int, skipped: UInt64, limit: UInt64) throws(ImageError) -> Extent {
        let first = table.entries[entry]
        let grainSectors = layout.grainLength / VMDK.sectorSize
        var end = entry + 1
        var run = layout.grainLength - skipped
        while end < table.entries.count, run < limit,
            UInt64(table.entries[end]) == UInt64(first) + UInt64(end - entry) * grainSectors
        {
            end += 1
            run += layout.grainLength
        }
        let length = min(run, limit)
        let start = GrainTableEntry(rawValue: first).hostOffset + skipped
        try validate(start..<start + length, entry: entry)
        return Extent(length: length, content: .data(file: fileIndex, offset: HostOffset(start)))
    }

    private func compressedGrain(
        _ entry: Int, offset: UInt64, skipped: UInt64, limit: UInt64
    ) throws(ImageError) -> Extent {
        let start = GrainTableEntry(rawValue: table.entries[entry]).hostOffset
        let headerLength = layout.compressedHeaderLength ?? 0
        try validate(start..<start + UInt64(headerLength), entry: entry)
        // A grain that can't be compressed is stored in stored blocks, a little longer than itself. Allow twice its size
        // and 1 KiB, as far as the file goes and up to the next grain where that follows in the file.
        var bound = UInt64(headerLength) + 2 * layout.grainLength + 1024
        bound = min(bound, file.size - start)
        if let next = table.entries[(entry + 1)...].first(where: { $0 > 1 }), next > table.entries[entry] {
            bound = min(bound, UInt64(next) * VMDK.sectorSize - start)
        }
        let grainStart = offset - skipped
        // A grain in which the disk ends may be stored whole or cut.
        let used = min(layout.grainLength, length - grainStart)
        return Extent(
            length: min(used - skipped, limit),
            content: .compressed(
                CompressedUnit(
                    file: fileIndex, offset: HostOffset(start), storedBound: Int(bound),
                    unitLength: Int(layout.grainLength), minimumLength: Int(used), skipped: skipped,
                    coding: .vmdkGrain(headerLength: headerLength, sector: grainStart / VMDK.sectorSize))))
    }

    private func validate(_ range: Range<UInt64>, entry: Int) throws(ImageError) {
        let place = "entry \(entry) of grain table \(table.index)"
        let entryOffset = UInt64(directory.tables[table.index]) * VMDK.sectorSize + UInt64(entry) * 4
        guard range.upperBound <= file.size else {
            throw file.damaged(
                "\(place) points past the end of the file (grain at byte \(range.lowerBound), file of \(file.size))",
                at: entryOffset, advice: "the file is cut short; copy it again")
        }
        guard !metadata.intersect(range) else {
            throw file.damaged("\(place) points at the VMDK's own tables", at: entryOffset)
        }
    }

    /// Bytes from `offset` that can't be told if those at `offset` can't: up to the end of the grain, or of what the
    /// grain table describes.
    func unmappableLength(at offset: UInt64) -> UInt64 {
        let tableIndex = Int(offset / layout.tableCoverage)
        let isLoaded = tableIndex < directory.tables.count && (try? load(tableIndex)) != nil
        let unit = isLoaded ? layout.grainLength : layout.tableCoverage
        return unit - offset % unit
    }

    private func load(_ index: Int) throws(ImageError) {
        guard table.index != index else { return }
        let entries: [UInt32]
        do throws(ImageError) {
            entries = try read(index, of: directory)
            // Without a copy, a damaged entry is an error when what it describes is wanted, and only then.
            guard !entries.allSatisfy(isInside), let copy = try? redundantEntries(index), copy.allSatisfy(isInside)
            else {
                table = (index, entries)
                return
            }
            table = (index, copy)
        } catch {
            guard let copy = try? redundantEntries(index) else { throw error }
            table = (index, copy)
        }
        findings.warn("\(file.path): grain table \(index) is damaged; its redundant copy was used")
    }

    private func redundantEntries(_ index: Int) throws(ImageError) -> [UInt32] {
        if redundant == nil { redundant = Self.redundantDirectory(file, layout) }
        guard let redundant, redundant.offset != directory.offset, redundant.tables[index] != 0 else {
            throw file.damaged("there is no redundant grain table \(index)")
        }
        return try read(index, of: redundant)
    }

    /// Whether a grain's start lies inside the file.
    private func isInside(_ entry: UInt32) -> Bool { UInt64(entry) * VMDK.sectorSize < file.size }

    /// The entries of a table; none if all are zero.
    private func read(_ index: Int, of directory: GrainDirectory) throws(ImageError) -> [UInt32] {
        try directory.requireInside(index, file: file, layout: layout)
        let bytes = try file.read(
            at: UInt64(directory.tables[index]) * VMDK.sectorSize, count: Int(layout.tableLength), what: "grain table")
        // QEMU and VMware write all tables of a disk, so most tables of a large disk say nothing.
        guard !ZeroScan.isZero(bytes) else { return [] }
        return (0..<Int(layout.tableEntries)).map { bytes.littleEndian(UInt32.self, at: $0 * 4) }
    }
}
