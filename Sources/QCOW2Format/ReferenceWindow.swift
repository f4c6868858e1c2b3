/// How often each cluster of a part of the file is referred to: the whole file at once may take more memory than there is.
struct ReferenceWindow {
    /// What a cluster is used for, as far as it must not be used for something else too.
    struct Uses: OptionSet {
        let rawValue: UInt8
        /// A structure that only one place may refer to.
        static let exclusive = Uses(rawValue: 1 << 0)
        static let l2Table = Uses(rawValue: 1 << 1)
        static let data = Uses(rawValue: 1 << 2)
    }

    /// Clusters of a window: with 5 bytes for each, 20 MiB of memory, and 256 GiB of file in clusters of 64 KiB.
    static let length: UInt64 = 4 << 20

    /// The numbers of the clusters.
    let clusters: Range<UInt64>
    private let clusterBits: UInt64
    /// The largest count that there can be.
    private let maximum: UInt64
    /// Whether the image could count more than can be counted here.
    private let isNarrow: Bool
    private(set) var counts: [UInt32]
    private(set) var uses: [Uses]
    /// References that were too many to be counted, and the last cluster that had them.
    private(set) var overflows: (count: UInt64, cluster: UInt64) = (0, 0)

    /// - Parameter maximum: the largest refcount.
    init(clusters: Range<UInt64>, clusterBits: Int, maximum: UInt64) {
        self.clusters = clusters
        self.clusterBits = UInt64(clusterBits)
        self.maximum = min(maximum, UInt64(UInt32.max))
        isNarrow = self.maximum < maximum
        counts = [UInt32](repeating: 0, count: clusters.count)
        uses = [Uses](repeating: [], count: clusters.count)
    }

    /// Adds `times` references to each cluster that `bytes` of the file touch.
    mutating func add(_ bytes: Range<UInt64>, times: UInt64, as use: Uses) {
        guard !bytes.isEmpty else { return }
        let first = max(bytes.lowerBound >> clusterBits, clusters.lowerBound)
        let end = min((bytes.upperBound - 1) >> clusterBits + 1, clusters.upperBound)
        guard first < end else { return }
        for cluster in first..<end {
            let index = Int(cluster - clusters.lowerBound)
            uses[index].insert(use)
            let count = UInt64(counts[index]) + times
            if count > maximum { overflows = (overflows.count + count - maximum, cluster) }
            counts[index] = UInt32(min(count, maximum))
        }
    }

    /// Whether a cluster has more references than can be counted here, though not more than its refcount can tell.
    var isExceeded: Bool { isNarrow && overflows.count > 0 }

    /// The references to `cluster`, one of the window.
    subscript(cluster: UInt64) -> UInt64 { UInt64(counts[Int(cluster - clusters.lowerBound)]) }

    /// Whether `cluster`, one of the window, is used in ways that exclude each other, though they can be counted.
    func isContested(_ cluster: UInt64) -> Bool {
        let index = Int(cluster - clusters.lowerBound)
        guard counts[index] < maximum else { return false }
        return uses[index].contains(.exclusive) && counts[index] > 1 || uses[index].isSuperset(of: [.l2Table, .data])
    }
}
