import ByteLayout
import DiskImage

/// Repairs an image in place.
///
/// Each write leaves the image no worse than it was, and what one needs is on the device before it:
/// 1. Entries that can only be given up become zeros: then nothing refers to their clusters.
/// 2. Refcounts become the numbers of references. Each is right by itself, whether others are written or not; a reference
///    that is gone is gone from the device. If the structure itself is damaged a new one is made behind the end of the
///    file, and the header is switched over to it.
/// 3. The marks that clusters are used once are made to agree with the refcounts. Until then a mark may be missing, which
///    check tells, but which only makes a writer copy a cluster in vain; none is there in the wrong.
struct QCOW2Repair {
    private let extent: RepairExtent
    private let output: any OutputSink
    private(set) var counts = RepairCounts()

    init(_ extent: RepairExtent, _ output: any OutputSink) {
        self.extent = extent
        self.output = output
    }

    /// - Parameter reopen: makes a check of the file as it is by then, and runs it.
    mutating func run(
        reopen: (inout CheckReport) throws(ImageError) -> QCOW2Check, _ report: inout CheckReport
    ) throws(ImageError) {
        var found = CheckReport()
        var check = try reopen(&found)
        if extent == .all, !check.needsRebuild { try clearCountsBehindEnd(check) }
        guard found.corruptions > 0 || found.leaks > 0 else { return }
        // A check holds a list of all L2 tables: there is never memory for two.
        if extent == .all, try dropEntries(check, report) {
            _ = consume check
            found = CheckReport()
            check = try reopen(&found)
        }
        if check.needsRebuild {
            guard extent == .all else {
                throw check.file.damaged(
                    "the refcounts are too damaged to repair leaks alone", advice: "use -r all, on a copy of the image")
            }
            try RefcountRebuild(check, output).run(report)
            let before = (corruptions: found.corruptions - check.wrongMarks, leaks: found.leaks)
            _ = consume check
            found = CheckReport()
            check = try reopen(&found)
            let after = found.corruptions - check.wrongMarks
            counts.corruptions += before.corruptions - min(before.corruptions, after)
            counts.leaks += before.leaks - min(before.leaks, found.leaks)
        } else {
            try writeRefcounts(check, report)
        }
        // Where only leaks are repaired the marks are taken for wrong only if all else is right, as QEMU does.
        guard extent == .all || found.corruptions == check.wrongMarks else { return }
        try writeMarks(check, report)
    }

    /// Takes back the counts of clusters that the file does not have, as an interrupted program may leave them. No check
    /// counts them as wrong, so this is not counted as a repair, but they stand in the way of what would be stored there.
    private func clearCountsBehindEnd(_ check: QCOW2Check) throws(ImageError) {
        guard !check.refersBehindEnd else { return }
        let table = check.refcounts
        var isAnyChanged = false
        for index in table.entries.indices.dropFirst(Int(check.clusterCount / table.clustersPerBlock)) {
            guard let block = try table.block(index) else { continue }
            var counts = block.counts
            let first = UInt64(index) * table.clustersPerBlock
            var isChanged = false
            for position in 0..<counts.count
            where first + UInt64(position) >= check.clusterCount && counts[position] > 0 {
                counts[position] = 0
                isChanged = true
            }
            if isChanged { try output.write(counts.bytes, at: HostOffset(block.offset)) }
            isAnyChanged = isAnyChanged || isChanged
        }
        if isAnyChanged { try output.barrier() }
    }

    /// Makes zeros of entries that have no data, but a cluster at an impossible place: they are zeros already.
    /// - Returns: whether there was one.
    private mutating func dropEntries(_ check: QCOW2Check, _ report: CheckReport) throws(ImageError) -> Bool {
        var dropped: UInt64 = 0
        var permission = WritePermission(check.structure)
        try check.structure.forEachTable(report) { (use, bytes) throws(ImageError) in
            try check.structure.forEachEntry(of: bytes) { (inspection, position) throws(ImageError) in
                guard inspection.problems.contains(.unalignedWithoutData), permission.includes(use) else { return }
                var entry = [UInt8](repeating: 0, count: Int(check.header.l2EntryLength))
                if entry.count == 8 {
                    entry.storeBigEndian(L2Entry.marked.rawValue, at: 0)
                } else {
                    entry.storeBigEndian(bytes.bigEndian(UInt64.self, at: position + 8), at: 8)
                }
                try output.write(entry, at: HostOffset(use.offset + UInt64(position)))
                dropped += use.count
            }
        }
        try output.barrier()
        counts.corruptions += dropped
        return dropped > 0
    }

    /// Makes the refcounts what they should be.
    private mutating func writeRefcounts(_ check: QCOW2Check, _ report: CheckReport) throws(ImageError) {
        for (window, stored) in try check.usedWindows() {
            var references = try check.references(to: window, report)
            check.addBlocks(to: &references)
            var repaired = counts
            try stored.forEachBlock { (first, block, clusters) throws(ImageError) in
                guard let block else { return }
                var stored = block.counts
                let before = repaired
                for cluster in clusters {
                    let count = stored[Int(cluster - first)]
                    let expected = references[cluster]
                    if count > expected, cluster < check.clusterCount || expected > 0 {
                        repaired.leaks += 1
                    } else if count < expected, extent == .all {
                        repaired.corruptions += 1
                    } else {
                        continue
                    }
                    stored[Int(cluster - first)] = expected
                }
                if repaired != before { try output.write(stored.bytes, at: HostOffset(block.offset)) }
            }
            counts = repaired
        }
        try output.barrier()
    }

    private mutating func writeMarks(_ check: QCOW2Check, _ report: CheckReport) throws(ImageError) {
        var written: UInt64 = 0
        var permission = WritePermission(check.structure)
        for (window, stored) in try check.usedWindows() {
            try check.forEachWrongMark(window, stored, report) { (mark) throws(ImageError) in
                guard mark.table.map({ permission.includes($0) }) ?? true else { return }
                var bytes = [UInt8](repeating: 0, count: 8)
                bytes.storeBigEndian(mark.entry, at: 0)
                try output.write(bytes, at: HostOffset(mark.offset))
                written += mark.count
            }
        }
        try output.barrier()
        counts.corruptions += written
    }

    /// Tells which L2 tables may be written to: not what only a damaged L1 entry takes for one.
    private struct WritePermission {
        private let structure: QCOW2Structure
        private var last: (table: UInt64, isIncluded: Bool)?

        init(_ structure: QCOW2Structure) {
            self.structure = structure
        }

        mutating func includes(_ table: L2TableUse) -> Bool {
            if let last, last.table == table.offset { return last.isIncluded }
            let isIncluded = structure.mayHoldTable(at: table.offset)
            last = (table.offset, isIncluded)
            return isIncluded
        }
    }
}
