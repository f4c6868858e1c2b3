import ByteLayout
import DiskImage

/// Gives out clusters that nothing uses: those that are free inside the file, then those behind its end.
///
/// Free is what the refcounts, which must be sound, call free in the image as it is. So what is written there does not
/// change it, and whoever gives back what he replaces can do so again and again in a file that does not grow.
struct ClusterAllocator {
    /// The first cluster behind the file.
    let end: UInt64
    /// How many clusters behind the end were given out.
    private(set) var appended: UInt64 = 0
    /// Runs of free clusters that were not given out yet, the last ones of the file first.
    private var free: [Range<UInt64>] = []
    /// Where there is room for the table.
    private var tablePlace: Range<UInt64>?
    private let tableLength: UInt64
    private var reusedRuns: [Range<UInt64>] = []

    /// - Parameters:
    ///   - single: how many clusters will be asked for at most, but those of the table.
    ///   - tableLength: how many clusters the one table has, which must be side by side.
    init(
        file: ImageFile, header: QCOW2Header, refcounts: RefcountTable, single: UInt64, tableLength: UInt64
    ) throws(ImageError) {
        end = file.size.dividedUp(by: header.clusterSize)
        self.tableLength = tableLength
        /// Clusters that are there as a whole.
        let whole = file.size / header.clusterSize
        var wanted = single
        var run: Range<UInt64> = 0..<0
        for index in refcounts.entries.indices where wanted > 0 || tablePlace == nil {
            let first = UInt64(index) * refcounts.clustersPerBlock
            guard first < whole else { break }
            guard let block = try refcounts.block(index)?.counts else { continue }
            for cluster in first..<min(first + refcounts.clustersPerBlock, whole) where block[Int(cluster - first)] == 0
            {
                if cluster != run.upperBound {
                    keep(run, &wanted)
                    run = cluster..<cluster
                }
                run = run.lowerBound..<cluster + 1
            }
        }
        keep(run, &wanted)
        free.reverse()
    }

    /// Keeps what of the free `run` is wanted.
    private mutating func keep(_ run: Range<UInt64>, _ wanted: inout UInt64) {
        var run = run
        if tablePlace == nil, run.count >= tableLength {
            tablePlace = run.lowerBound..<run.lowerBound + tableLength
            run = run.lowerBound + tableLength..<run.upperBound
        }
        run = run.lowerBound..<run.lowerBound + min(UInt64(run.count), wanted)
        guard !run.isEmpty else { return }
        wanted -= UInt64(run.count)
        free.append(run)
    }

    /// How many clusters, of `single` and those of the table, are not free inside the file.
    func missing(single: UInt64) -> UInt64 {
        single - min(single, free.reduce(0) { $0 + UInt64($1.count) }) + (tablePlace == nil ? tableLength : 0)
    }

    /// The clusters of the file that were given out, in its order.
    var reused: [UInt64] { reusedRuns.sorted { $0.lowerBound < $1.lowerBound }.flatMap { Array($0) } }

    /// Gives out clusters that are side by side: `count` of them, or fewer, but at least one.
    mutating func allocate(upTo count: UInt64) -> Range<UInt64> {
        guard let run = free.popLast() else { return append(count) }
        let taken = run.lowerBound..<run.lowerBound + min(count, UInt64(run.count))
        if taken.upperBound < run.upperBound { free.append(taken.upperBound..<run.upperBound) }
        reusedRuns.append(taken)
        return taken
    }

    /// Gives out the place of the table.
    mutating func allocateTable() -> Range<UInt64> {
        guard let place = tablePlace else { return append(tableLength) }
        reusedRuns.append(place)
        return place
    }

    private mutating func append(_ count: UInt64) -> Range<UInt64> {
        let first = end + appended
        appended += count
        return first..<first + count
    }
}
