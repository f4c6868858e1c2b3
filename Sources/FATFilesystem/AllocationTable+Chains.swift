import GuestDisk

extension AllocationTable {
    /// The clusters of a file that begins with `first`, which must end after at most `limit`: a loop never does.
    func runs(from first: UInt32, limit: Int) throws(GuestError) -> [ClusterRun] {
        guard geometry.clusters.contains(first) else {
            throw GuestError(.damaged, "a file begins with cluster \(first), which there isn't")
        }
        var runs: [ClusterRun] = []
        var cluster = first
        for _ in 0..<min(limit, Int(geometry.clusterCount)) {
            runs.append(cluster: cluster)
            switch try entry(of: cluster) {
            case .end: return runs
            case .next(let next): cluster = next
            case .free, .bad:
                throw GuestError(.damaged, "the clusters of a file lead from \(cluster) to one that there isn't")
            }
        }
        throw GuestError(.damaged, "the clusters of the file that begins with \(first) don't come to an end")
    }

    /// `count` clusters that are free, from `start` on and then from the first cluster on; they stay free.
    /// - Throws: `noSpace` if there aren't so many.
    func findFree(_ count: Int, from start: UInt32) throws(GuestError) -> [ClusterRun] {
        var found: [ClusterRun] = []
        guard count > 0 else { return found }
        var missing = count
        let clusters = geometry.clusters
        let start = clusters.contains(start) ? start : clusters.lowerBound
        for range in [start..<clusters.upperBound, clusters.lowerBound..<start] {
            for cluster in range where try entry(of: cluster) == .free {
                found.append(cluster: cluster)
                missing -= 1
                if missing == 0 { return found }
            }
        }
        throw GuestError(
            .noSpace,
            "the filesystem has \(count - missing) free clusters of \(geometry.clusterSize) bytes; \(count) are needed")
    }

    /// Makes `runs` a chain that `last` leads to, if there is one.
    func chain(_ runs: [ClusterRun], behind last: UInt32?) throws(GuestError) {
        var previous = last
        for cluster in runs.clusters {
            if let previous { try link(previous, to: cluster) }
            previous = cluster
        }
        if let previous { try link(previous, to: nil) }
    }
}
