/// Clusters of a file that follow each other on the device.
struct ClusterRun: Equatable {
    var first: UInt32
    var count: UInt32
}

extension [ClusterRun] {
    var clusterCount: Int { reduce(0) { $0 + Int($1.count) } }

    /// All clusters in the order of the file.
    var clusters: some Sequence<UInt32> { lazy.flatMap { $0.first..<$0.first + $0.count } }

    mutating func append(cluster: UInt32) {
        if let last, last.first + last.count == cluster {
            self[count - 1].count += 1
        } else {
            append(ClusterRun(first: cluster, count: 1))
        }
    }

    /// The first `count` clusters of at least as many.
    func prefix(clusters count: Int) -> [ClusterRun] { divided(after: count).0 }

    /// What is behind the first `count` clusters of at least as many.
    func dropFirst(clusters count: Int) -> [ClusterRun] { divided(after: count).1 }

    private func divided(after count: Int) -> ([ClusterRun], [ClusterRun]) {
        var (front, back): ([ClusterRun], [ClusterRun]) = ([], [])
        var rest = UInt32(count)
        for run in self {
            let taken = Swift.min(rest, run.count)
            if taken > 0 { front.append(ClusterRun(first: run.first, count: taken)) }
            if taken < run.count { back.append(ClusterRun(first: run.first + taken, count: run.count - taken)) }
            rest -= taken
        }
        return (front, back)
    }
}
