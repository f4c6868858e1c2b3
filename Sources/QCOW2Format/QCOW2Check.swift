import ByteLayout
import DiskImage

/// Compares what an image refers to with its refcounts.
///
/// What `qemu-img check` finds is found and counted as it does; where an L2 table is used more than once, so is what is
/// wrong in it. The file is looked at in windows of clusters: the L2 tables are read once to survey them, and once for
/// each window that they refer to.
struct QCOW2Check {
    let structure: QCOW2Structure
    /// Clusters of the file; one more may be touched by what ends behind the end.
    let clusterCount: UInt64
    /// Whether the refcounts are so wrong that they must be made anew.
    var needsRebuild = false
    /// Of the findings, those about the marks that say that a cluster is used once.
    var wrongMarks: UInt64 = 0
    /// Whether anything refers to what is past the end of the file.
    private(set) var refersBehindEnd = false
    /// Which windows have clusters that something refers to.
    private var windowIsUsed: [Bool]

    /// QEMU's limit of the clusters of a file.
    private static let maximumClusters = UInt64(Int32.max)

    var file: ImageFile { structure.file }
    var header: QCOW2Header { structure.header }
    var refcounts: RefcountTable { structure.refcounts }

    init(_ structure: QCOW2Structure) throws(ImageError) {
        self.structure = structure
        clusterCount = structure.file.size.dividedUp(by: structure.header.clusterSize)
        guard clusterCount <= Self.maximumClusters else {
            throw structure.file.unsupported("a file of more than \(Self.maximumClusters) clusters can't be checked")
        }
        windowIsUsed = [Bool](
            repeating: false, count: Int((clusterCount + 1).dividedUp(by: ReferenceWindow.length)))
    }

    mutating func run(_ report: inout CheckReport) throws(ImageError) {
        report.clusters.total = header.size.dividedUp(by: header.clusterSize)
        try survey(&report)
        try surveyBitmaps(&report)
        surveyRefcountTable(&report)
        for (window, stored) in try usedWindows() {
            var references = try references(to: window, report)
            var isShared = false
            addBlocks(to: &references) { index, offset, count in
                isShared = true
                report.corruption(
                    "refcount block \(index) is referred to \(count) times", in: structure.file, at: offset)
            }
            needsRebuild = needsRebuild || isShared
            reportOverflows(references, &report)
            try compare(references, stored, &report)
            try checkMarks(window, stored, &report)
        }
    }

    /// The windows with clusters that are used or have a refcount, and the refcounts in them.
    func usedWindows() throws(ImageError) -> [(clusters: Range<UInt64>, stored: StoredRefcounts)] {
        var windows: [(clusters: Range<UInt64>, stored: StoredRefcounts)] = []
        for (number, isUsed) in windowIsUsed.enumerated() {
            let start = UInt64(number) * ReferenceWindow.length
            let clusters = start..<min(start + ReferenceWindow.length, clusterCount + 1)
            let stored = StoredRefcounts(refcounts, clusters: clusters)
            if isUsed || !stored.isEmpty { windows.append((clusters, stored)) }
        }
        return windows
    }

    /// Notes that something refers to `bytes`.
    /// - Returns: whether they are in the file.
    @discardableResult
    private mutating func note(_ bytes: Range<UInt64>) -> Bool {
        guard structure.fits(bytes) else {
            refersBehindEnd = true
            return false
        }
        guard !bytes.isEmpty else { return true }
        let length = ReferenceWindow.length << UInt64(header.clusterBits)
        let last = min(Int((bytes.upperBound - 1) / length), windowIsUsed.count - 1)
        for window in Int(min(bytes.lowerBound / length, UInt64(last)))...last { windowIsUsed[window] = true }
        return true
    }

    // MARK: Survey

    /// Looks at what is wrong with entries alone, and counts how clusters are stored.
    private mutating func survey(_ report: inout CheckReport) throws(ImageError) {
        refersBehindEnd = structure.lacksRegions
        for region in structure.regions { note(region.bytes) }
        for use in structure.tables.tables {
            note(use.offset..<use.offset + header.clusterSize)
        }
        let structure = structure
        try structure.forEachTable(report) { (use, bytes) throws(ImageError) in
            /// Where the next cluster would be if nothing were fragmented.
            var next: UInt64 = 0
            try structure.forEachEntry(of: bytes) { (inspection, position) throws(ImageError) in
                let offset = use.offset + UInt64(position)
                for (bit, text) in L2Inspection.Problems.texts.enumerated()
                where inspection.problems.contains(.init(rawValue: 1 << UInt16(bit))) {
                    report.corruption("an L2 entry " + text, in: structure.file, at: offset, count: use.count)
                }
                switch inspection.reference {
                case .none: break
                case .plain(let start, _):
                    report.clusters.allocated += UInt64(use.active)
                    if next != 0, start != next { report.clusters.fragmented += UInt64(use.active) }
                    next = start + header.clusterSize
                    surveyPlain(inspection, at: start, use: use, entry: offset, &report)
                case .compressed(let range):
                    report.clusters.allocated += UInt64(use.active)
                    report.clusters.compressed += UInt64(use.active)
                    // What is packed at any byte is fragmented by nature.
                    report.clusters.fragmented += UInt64(use.active)
                    guard !note(range) || range.lowerBound >= file.size else { break }
                    report.corruption(
                        "an L2 entry points past the end of the file: compressed data at byte \(range.lowerBound)",
                        in: structure.file, at: offset, count: use.count)
                }
            }
        }
    }

    private mutating func surveyPlain(
        _ inspection: L2Inspection, at start: UInt64, use: L2TableUse, entry: UInt64, _ report: inout CheckReport
    ) {
        let bytes = start..<start + header.clusterSize
        if let dataFile = structure.dataFile {
            guard inspection.hasData, start >= dataFile.size else { return }
            report.corruption(
                "an L2 entry points past the end of the data file: byte \(start)", in: file, at: entry, count: use.count
            )
            return
        }
        // QEMU lets the last cluster be incomplete, and reads zeros: but not all that is missing can lie behind the disk.
        let isCut = inspection.hasData && header.unitsPerCluster == 1 && start + smallestCluster > file.size
        guard !note(bytes) || isCut else { return }
        report.corruption(
            "an L2 entry points past the end of the file: byte \(start)", in: file, at: entry, count: use.count)
    }

    /// The bytes of the disk that its last cluster has.
    private var smallestCluster: UInt64 {
        let rest = header.size % header.clusterSize
        return rest == 0 ? header.clusterSize : rest
    }

    private mutating func surveyBitmaps(_ report: inout CheckReport) throws(ImageError) {
        let structure = structure
        for table in structure.bitmapTables {
            try QCOW2Structure.forEachEntry(of: table, file: file, what: "bitmap table") {
                (entry, offset) throws(ImageError) in
                guard let bytes = bitmapCluster(entry) else {
                    report.corruption("an entry of a bitmap's table is impossible", in: file, at: offset)
                    return
                }
                guard !note(bytes) else { return }
                report.corruption("an entry of a bitmap's table points past the end of the file", in: file, at: offset)
            }
        }
    }

    /// The cluster of bits that an entry of a bitmap's table refers to, perhaps none; nil if the entry is impossible.
    private func bitmapCluster(_ entry: UInt64) -> Range<UInt64>? {
        let offset = entry & QCOW2.offsetMask
        // Without a cluster bit 0 tells what all its bits are.
        guard entry & ~(QCOW2.offsetMask | (offset == 0 ? 1 : 0)) == 0, offset % header.clusterSize == 0 else {
            return nil
        }
        return offset..<(offset == 0 ? 0 : offset + header.clusterSize)
    }

    private mutating func surveyRefcountTable(_ report: inout CheckReport) {
        for index in refcounts.entries.indices {
            let problem: String
            switch refcounts.place(ofBlock: index) {
            case _ where refcounts.hasReservedBits(index): problem = "has reserved bits set"
            case .absent: continue
            case .inside(let offset):
                note(offset..<offset + header.clusterSize)
                continue
            case .unaligned: problem = "is not aligned to a cluster"
            case .outside: problem = "points past the end of the file"
            }
            needsRebuild = true
            report.corruption(
                "entry \(index) of the refcount table \(problem)", in: file,
                at: header.refcountTableOffset + UInt64(index) * 8)
        }
    }

    // MARK: Windows

    /// Counts the references to the clusters of `window`, but those of the refcount table to its blocks.
    /// - Parameter refcountTable: whether the table itself is counted.
    func references(
        to window: Range<UInt64>, refcountTable: Bool = true, _ report: CheckReport
    ) throws(ImageError) -> ReferenceWindow {
        var references = ReferenceWindow(
            clusters: window, clusterBits: header.clusterBits,
            maximum: RefcountBlock.maximum(bits: 1 << Int(header.refcountOrder)))
        for region in structure.regions where refcountTable || region.kind != .refcountTable {
            references.add(region.bytes, times: 1, as: .exclusive)
        }
        for use in structure.tables.tables {
            let bytes = use.offset..<use.offset + header.clusterSize
            if structure.fits(bytes) { references.add(bytes, times: use.count, as: .l2Table) }
        }
        for table in structure.bitmapTables {
            try QCOW2Structure.forEachEntry(of: table, file: file, what: "bitmap table") {
                (entry, _) throws(ImageError) in
                if let bytes = bitmapCluster(entry), structure.fits(bytes) {
                    references.add(bytes, times: 1, as: .exclusive)
                }
            }
        }
        try structure.forEachTable(report) { (use, bytes) throws(ImageError) in
            try structure.forEachEntry(of: bytes) { (inspection, _) throws(ImageError) in
                let range: Range<UInt64>
                switch inspection.reference {
                case .none: return
                case .plain(let start, _):
                    guard structure.dataFile == nil else { return }
                    range = start..<start + header.clusterSize
                case .compressed(let bytes): range = bytes
                }
                if structure.fits(range) { references.add(range, times: use.count, as: .data) }
            }
        }
        guard !references.isExceeded else {
            throw file.unsupported("a cluster with more than \(UInt32.max) references can't be checked")
        }
        return references
    }

    /// Counts the references of the refcount table to its blocks.
    /// - Parameter shared: is told of blocks that are used by something else too.
    func addBlocks(
        to references: inout ReferenceWindow,
        shared: (_ index: Int, _ offset: UInt64, _ count: UInt64) -> Void = { _, _, _ in }
    ) {
        for index in refcounts.entries.indices {
            guard !refcounts.hasReservedBits(index), case .inside(let offset) = refcounts.place(ofBlock: index),
                case let cluster = offset >> UInt64(header.clusterBits), references.clusters.contains(cluster)
            else { continue }
            references.add(offset..<offset + header.clusterSize, times: 1, as: .exclusive)
            if references[cluster] != 1 { shared(index, offset, references[cluster]) }
        }
    }

    private func reportOverflows(_ references: ReferenceWindow, _ report: inout CheckReport) {
        report.corruption(
            "cluster \(references.overflows.cluster) has more references than can be counted", in: file,
            at: references.overflows.cluster << UInt64(header.clusterBits), count: references.overflows.count)
    }

    private mutating func compare(
        _ references: ReferenceWindow, _ stored: StoredRefcounts, _ report: inout CheckReport
    ) throws(ImageError) {
        var lacksCount = false
        try stored.forEach { (cluster, count) throws(ImageError) in
            let expected = references[cluster]
            // QEMU does not look behind the end of the file, unless something refers to it.
            guard cluster < clusterCount || expected > 0, count > 0 || expected > 0 else { return }
            let offset = cluster << UInt64(header.clusterBits)
            report.imageEnd = offset + header.clusterSize
            if count < expected {
                lacksCount = lacksCount || count == 0
                report.corruption("cluster \(cluster) refcount=\(count) reference=\(expected)", in: file, at: offset)
            } else if count > expected {
                report.leak("cluster \(cluster) refcount=\(count) reference=\(expected)", in: file, at: offset)
            } else if references.isContested(cluster) {
                report.corruption("cluster \(cluster) is used for two things at once", in: file, at: offset)
            }
        }
        needsRebuild = needsRebuild || lacksCount
    }
}
