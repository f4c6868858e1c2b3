import ByteLayout
import DiskImage

/// All that an image refers to from its header: where its own structures are, and which L2 tables it has.
struct QCOW2Structure {
    /// An L1 table: the active one, or those of snapshots.
    struct L1Table: Hashable {
        var offset: UInt64
        /// Entries inside the file.
        var count: Int
    }

    /// A part of the file that only one place may refer to.
    struct Region {
        enum Kind {
            case activeL1
            case refcountTable
            case other
        }

        var bytes: Range<UInt64>
        /// What it is called.
        var name: String
        var kind = Kind.other
        /// The snapshot whose it is, by its place in the snapshot table.
        var snapshot: Int?
    }

    let file: ImageFile
    /// The external data file, if there is one.
    let dataFile: ImageFile?
    let header: QCOW2Header
    let refcounts: RefcountTable
    let activeL1: L1Table
    let tables: L2TableUses
    /// All that is neither an L2 table, a refcount block nor data, nor past the end of the file.
    private(set) var regions: [Region] = []
    /// Whether some are past the end of the file.
    private(set) var lacksRegions = false
    /// The tables of the persistent bitmaps.
    private(set) var bitmapTables: [L1Table] = []

    /// Most entries that the L1 tables of all snapshots may have, and those of bitmaps: 128 MiB to read.
    private static let maximumEntries = 16 << 20

    /// - Parameter report: gets what is wrong with L1 entries and with what is not inside the file.
    init(
        file: ImageFile, dataFile: ImageFile?, header: QCOW2Header, extensions: HeaderExtensions,
        _ report: inout CheckReport
    ) throws(ImageError) {
        self.file = file
        self.dataFile = dataFile
        self.header = header
        refcounts = try RefcountTable(file: file, header: header)
        activeL1 = L1Table(offset: header.l1TableOffset, count: Int(header.l1Size))
        var regions = [
            Region(bytes: 0..<header.clusterSize, name: "header"),
            Region(
                bytes: Self.range(header.l1TableOffset, UInt64(header.l1Size) * 8), name: "L1 table", kind: .activeL1),
            Region(
                bytes: Self.range(header.refcountTableOffset, UInt64(refcounts.entries.count) * 8),
                name: "refcount table", kind: .refcountTable),
        ]
        if let encryption = extensions.encryptionHeader {
            regions.append(Region(bytes: encryption, name: "encryption header"))
        }
        let snapshots = try QCOW2Snapshot.readTable(file: file, header: header)
        let inactiveL1 = try Self.inspect(snapshots, file: file, header: header, &regions, &report)
        if header.autoclear & QCOW2Header.bitmaps != 0, let directory = extensions.bitmapDirectory {
            regions.append(Region(bytes: Self.range(directory.offset, directory.length), name: "bitmap directory"))
            for bitmap in try directory.read(file: file, header: header) {
                regions.append(
                    Region(bytes: Self.range(bitmap.tableOffset, UInt64(bitmap.tableCount) * 8), name: "bitmap table"))
                bitmapTables.append(
                    L1Table(
                        offset: bitmap.tableOffset,
                        count: Self.entries(at: bitmap.tableOffset, count: UInt64(bitmap.tableCount), of: file)))
            }
        }
        guard bitmapTables.reduce(0, { $0 + $1.count }) <= Self.maximumEntries else {
            throw file.unsupported("the tables of bitmaps have more than \(Self.maximumEntries) entries")
        }
        tables = try Self.l2Tables(active: activeL1, inactive: inactiveL1, file: file, header: header, &report)
        for region in regions {
            if Self.fits(region.bytes, file: file, header: header) {
                self.regions.append(region)
            } else {
                lacksRegions = true
                let owner = region.snapshot.map { " of \(Self.title(of: snapshots[$0]))" } ?? ""
                let length = region.bytes.upperBound - region.bytes.lowerBound
                report.corruption(
                    "the \(region.name)\(owner) is not inside the file: \(length) bytes", in: file,
                    at: region.bytes.lowerBound)
            }
        }
    }

    /// The `length` bytes from `offset`, or as many of them as there are numbers for.
    private static func range(_ offset: UInt64, _ length: UInt64) -> Range<UInt64> {
        let end = offset.addingReportingOverflow(length)
        return offset..<(end.overflow ? .max : end.partialValue)
    }

    /// Whether `bytes` end less than a cluster behind the end of the file: the last cluster need not be there as a whole.
    func fits(_ bytes: Range<UInt64>) -> Bool { Self.fits(bytes, file: file, header: header) }

    private static func fits(_ bytes: Range<UInt64>, file: ImageFile, header: QCOW2Header) -> Bool {
        bytes.upperBound <= file.size || bytes.upperBound - file.size < header.clusterSize
    }

    /// How many of `count` entries of 8 bytes at `offset` are inside the file.
    private static func entries(at offset: UInt64, count: UInt64, of file: ImageFile) -> Int {
        offset % 8 == 0 ? Int(min(count, (file.size - min(file.size, offset)) / 8)) : 0
    }

    /// What a finding calls `snapshot`.
    private static func title(of snapshot: QCOW2Snapshot) -> String {
        "snapshot \(snapshot.info.id) (\(snapshot.info.name))"
    }

    /// Adds what the snapshots refer to.
    /// - Returns: their L1 tables, and how many snapshots have each.
    private static func inspect(
        _ snapshots: [QCOW2Snapshot], file: ImageFile, header: QCOW2Header,
        _ regions: inout [Region], _ report: inout CheckReport
    ) throws(ImageError) -> [L1Table: UInt32] {
        guard let last = snapshots.last else { return [:] }
        regions.append(
            Region(bytes: header.snapshotsOffset..<last.position + last.length, name: "snapshot table"))
        if header.incompatible.contains(.externalDataFile) {
            report.corruption("the image has snapshots and an external data file", in: file, at: 60)
        }
        var tables: [L1Table: UInt32] = [:]
        for (index, snapshot) in snapshots.enumerated() {
            if header.version >= 3, snapshot.extraLength < QCOW2Snapshot.completeExtraLength {
                report.corruption("\(title(of: snapshot)) does not tell its sizes", in: file, at: snapshot.position)
            }
            guard snapshot.l1TableOffset % header.clusterSize == 0 else {
                report.corruption(
                    "the L1 table of \(title(of: snapshot)) is not aligned to a cluster", in: file,
                    at: snapshot.position)
                continue
            }
            guard UInt64(snapshot.l1Size) * 8 <= QCOW2.maximumL1Length else {
                report.corruption(
                    "the L1 table of \(title(of: snapshot)) is too large", in: file, at: snapshot.position)
                continue
            }
            let length = UInt64(snapshot.l1Size) * 8
            regions.append(
                Region(bytes: range(snapshot.l1TableOffset, length), name: "L1 table", snapshot: index))
            let count = entries(at: snapshot.l1TableOffset, count: UInt64(snapshot.l1Size), of: file)
            tables[L1Table(offset: snapshot.l1TableOffset, count: count), default: 0] += 1
        }
        guard tables.keys.reduce(0, { $0 + $1.count }) <= maximumEntries else {
            throw file.unsupported("the L1 tables of the snapshots have more than \(maximumEntries) entries")
        }
        return tables
    }

    private static func l2Tables(
        active: L1Table, inactive: [L1Table: UInt32], file: ImageFile, header: QCOW2Header,
        _ report: inout CheckReport
    ) throws(ImageError) -> L2TableUses {
        var uses = L2TableUses(expected: UInt64(active.count + inactive.keys.reduce(0) { $0 + $1.count }))
        for (table, isActive, times) in [(active, true, 1)] + inactive.map({ ($0.key, false, $0.value) }) {
            try forEachEntry(of: table, file: file, what: "L1 table") { (entry, offset) throws(ImageError) in
                guard entry != 0 else { return }
                let hasReservedBits = entry & ~(QCOW2.offsetMask | L2Entry.copied) != 0
                let l2Offset = entry & QCOW2.offsetMask
                if hasReservedBits {
                    report.corruption("an L1 entry has reserved bits set", in: file, at: offset, count: UInt64(times))
                }
                if l2Offset % header.clusterSize != 0 {
                    report.corruption(
                        "an L1 entry is not aligned to a cluster", in: file, at: offset, count: UInt64(times))
                }
                if !fits(l2Offset..<l2Offset + header.clusterSize, file: file, header: header) {
                    report.corruption(
                        "an L1 entry points past the end of the file: byte \(l2Offset)", in: file, at: offset,
                        count: UInt64(times))
                }
                try uses.add(
                    L2TableUse(offset: l2Offset, active: isActive ? times : 0, inactive: isActive ? 0 : times),
                    file: file)
            }
        }
        try uses.finish(file: file, clusterSize: header.clusterSize)
        return uses
    }

    /// Calls `body` with each entry of `table` and where it is.
    static func forEachEntry(
        of table: L1Table, file: ImageFile, what: String,
        _ body: (_ entry: UInt64, _ offset: UInt64) throws(ImageError) -> Void
    ) throws(ImageError) {
        let window = WindowedTable(
            source: file, offset: table.offset, entryLength: 8, count: table.count, what: what)
        for index in 0..<table.count {
            let (bytes, start) = try window.entry(index)
            try body(bytes.bigEndian(UInt64.self, at: start), table.offset + UInt64(index) * 8)
        }
    }

    /// Calls `body` with each L2 table that has an entry, once however often it is used.
    func forEachTable(
        _ report: CheckReport, _ body: (_ use: L2TableUse, _ bytes: [UInt8]) throws(ImageError) -> Void
    ) throws(ImageError) {
        let allocated = AllocatedRanges(file: file)
        for use in tables.tables where use.offset < file.size && fits(use.offset..<use.offset + header.clusterSize) {
            try report.requireWanted()
            let stored = min(header.clusterSize, file.size - use.offset)
            // A file may consist of holes, and tables in them have no entries.
            let run = allocated.run(at: use.offset)
            guard run.isData || run.length < stored else { continue }
            var bytes = try file.read(at: use.offset, count: Int(stored), what: "L2 table")
            guard !ZeroScan.isZero(bytes) else { continue }
            bytes += [UInt8](repeating: 0, count: Int(header.clusterSize - stored))
            try body(use, bytes)
        }
    }

    /// Calls `body` with each entry of the L2 table `bytes` that is not zero, and where in `bytes` it is.
    func forEachEntry(
        of bytes: [UInt8], _ body: (_ inspection: L2Inspection, _ position: Int) throws(ImageError) -> Void
    ) throws(ImageError) {
        let length = Int(header.l2EntryLength)
        for position in stride(from: 0, to: bytes.count, by: length) {
            let entry = bytes.bigEndian(UInt64.self, at: position)
            let bitmap = length == 16 ? bytes.bigEndian(UInt64.self, at: position + 8) : 0
            guard entry | bitmap != 0 else { continue }
            try body(L2Inspection(L2Entry(rawValue: entry), bitmap: bitmap, header: header), position)
        }
    }

    /// Whether an L2 table can be at `offset`: at the start of a cluster that holds nothing else of the image's own.
    func mayHoldTable(at offset: UInt64) -> Bool {
        let bytes = offset..<offset + header.clusterSize
        return offset % header.clusterSize == 0 && !regions.contains { $0.bytes.overlaps(bytes) }
            && !refcounts.entries.contains { $0 & QCOW2.offsetMask == offset }
    }
}
