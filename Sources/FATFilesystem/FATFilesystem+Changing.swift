import ByteLayout
import GuestDisk

/// What all changes have in common.
extension FATFilesystem {
    /// - Throws: `unsupported` if nothing is written; what went wrong halfway through an earlier change.
    func requireWritable() throws(GuestError) {
        if let failure { throw failure }
        guard writability == .full else {
            throw GuestError(
                .unsupported, "the filesystem isn't written to: it is marked as being on a disk that has failed")
        }
    }

    /// Runs `body`, which changes the filesystem. What should be found out before anything is changed has been; if it fails,
    /// nothing is written any more.
    func change<Result>(_ body: () throws(GuestError) -> Result) throws(GuestError) -> Result {
        latestRuns = nil
        do {
            return try body()
        } catch {
            failure = error
            throw error
        }
    }

    /// Clusters that are free; they stay free.
    func findFree(_ count: Int) throws(GuestError) -> [ClusterRun] {
        guard count > 0 else { return [] }
        return try table.findFree(count, from: FreeClusterInfo(device, geometry)?.hint() ?? 0)
    }

    /// Makes free clusters the end of a file whose last cluster was `last`, or all of it.
    func take(_ runs: [ClusterRun], behind last: UInt32? = nil) throws(GuestError) {
        guard let end = runs.last else { return }
        try table.chain(runs, behind: last)
        try FreeClusterInfo(device, geometry)?
            .note(taken: runs.clusterCount, freed: 0, hint: end.first + end.count - 1)
    }

    /// Frees the clusters at the end of a file whose last one is now `last`, or all of it.
    func free(_ runs: [ClusterRun], behind last: UInt32? = nil) throws(GuestError) {
        guard !runs.isEmpty else { return }
        if let last { try table.link(last, to: nil) }
        for cluster in runs.clusters { try table.free(cluster) }
        try FreeClusterInfo(device, geometry)?.note(taken: 0, freed: runs.clusterCount, hint: nil)
    }

    /// Fills clusters with `content` and then with zeros.
    func write(_ content: [UInt8], to runs: [ClusterRun]) throws(GuestError) {
        var rest = content[...]
        for run in runs {
            let length = Int(run.count) * geometry.clusterSize
            let part = rest.prefix(length)
            rest = rest.dropFirst(length)
            try device.write(
                part + [UInt8](repeating: 0, count: length - part.count), at: geometry.offset(ofCluster: run.first))
        }
    }

    /// How many clusters content of `count` bytes needs.
    func clusterCount(for count: Int) throws(GuestError) -> Int {
        guard UInt64(count) <= Self.maximumFileSize else {
            throw GuestError(.unsupported, "a file of FAT can't have \(count) bytes")
        }
        return Int(UInt64(count).dividedUp(by: UInt64(geometry.clusterSize)))
    }
}
