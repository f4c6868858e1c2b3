import ByteLayout
import DiskImage

/// The marks (QEMU: OFLAG_COPIED) in L1 and L2 entries that say that a cluster has the refcount 1, so that it may be written
/// in place. Only those of the active tables count.
extension QCOW2Check {
    /// An entry whose mark is wrong.
    struct WrongMark {
        /// Where it is.
        var offset: UInt64
        /// The L2 table that it is in; nil for an entry of the L1 table.
        var table: L2TableUse?
        /// As it should be.
        var entry: UInt64
        /// How often the active L1 table uses it.
        var count: UInt64
    }

    mutating func checkMarks(
        _ window: Range<UInt64>, _ stored: StoredRefcounts, _ report: inout CheckReport
    ) throws(ImageError) {
        var wrong: UInt64 = 0
        try forEachWrongMark(window, stored, report) { (mark) throws(ImageError) in
            wrong += mark.count
            let isUsedOnce = mark.entry & L2Entry.copied != 0
            report.corruption(
                "OFLAG_COPIED: an entry says that a cluster's refcount is \(isUsedOnce ? "not " : "")1", in: file,
                at: mark.offset, count: mark.count)
        }
        wrongMarks += wrong
    }

    /// Calls `body` with each active entry for a cluster of `window` whose mark is wrong.
    func forEachWrongMark(
        _ window: Range<UInt64>, _ stored: StoredRefcounts, _ report: CheckReport,
        _ body: (WrongMark) throws(ImageError) -> Void
    ) throws(ImageError) {
        let refcounts = try RefcountsOfOne(stored)
        let clusterBits = UInt64(header.clusterBits)
        let isLast = window.upperBound > clusterCount
        /// Whether the refcount of the cluster at `offset` is 1; nil if that is not to be told, or not now.
        func isUsedOnce(_ offset: UInt64) throws(ImageError) -> Bool? {
            let cluster = offset >> clusterBits
            if window.contains(cluster) { return refcounts.isOne(cluster) }
            return isLast && cluster > clusterCount ? try self.refcounts.count(ofCluster: cluster).map { $0 == 1 } : nil
        }
        try QCOW2Structure.forEachEntry(of: structure.activeL1, file: file, what: "L1 table") {
            (entry, offset) throws(ImageError) in
            let table = entry & QCOW2.offsetMask
            guard table != 0, let isOne = try isUsedOnce(table), isOne != (entry & L2Entry.copied != 0) else { return }
            try body(WrongMark(offset: offset, table: nil, entry: entry ^ L2Entry.copied, count: 1))
        }
        try structure.forEachTable(report) { (use, bytes) throws(ImageError) in
            guard use.active > 0 else { return }
            try structure.forEachEntry(of: bytes) { (inspection, position) throws(ImageError) in
                guard case .plain(let start, let isCopied) = inspection.reference,
                    let isOne = structure.dataFile == nil ? try isUsedOnce(start) : isLast ? true : nil,
                    isOne != isCopied
                else { return }
                let entry = bytes.bigEndian(UInt64.self, at: position) ^ L2Entry.copied
                let offset = use.offset + UInt64(position)
                try body(WrongMark(offset: offset, table: use, entry: entry, count: UInt64(use.active)))
            }
        }
    }

    /// Which clusters of a window have the refcount 1, in a bit each.
    private struct RefcountsOfOne {
        private let first: UInt64
        private var ones: [UInt64]
        private var unknown: [Range<UInt64>]

        init(_ stored: StoredRefcounts) throws(ImageError) {
            let first = stored.clusters.lowerBound
            var ones = [UInt64](repeating: 0, count: (stored.clusters.count + 63) / 64)
            var known: UInt64 = first
            var unknown: [Range<UInt64>] = []
            try stored.forEachBlock { (base, block, clusters) throws(ImageError) in
                if clusters.lowerBound > known { unknown.append(known..<clusters.lowerBound) }
                known = clusters.upperBound
                guard let block else { return }
                for cluster in clusters where block.counts[Int(cluster - base)] == 1 {
                    ones[Int(cluster - first) / 64] |= 1 << ((cluster - first) % 64)
                }
            }
            if known < stored.clusters.upperBound { unknown.append(known..<stored.clusters.upperBound) }
            self.first = first
            self.ones = ones
            self.unknown = unknown
        }

        /// Nil if the block that would tell is at an impossible place.
        func isOne(_ cluster: UInt64) -> Bool? {
            guard !unknown.contains(where: { $0.contains(cluster) }) else { return nil }
            return ones[Int(cluster - first) / 64] >> ((cluster - first) % 64) & 1 == 1
        }
    }
}
