package import GuestDisk

extension FATFilesystem {
    /// Most bytes of a file, and so of a chain of clusters.
    static let maximumFileSize = UInt64(UInt32.max)

    /// Files can be executed and are writable unless marked as read-only; directories, which nothing counts the links or
    /// bytes of, have one link and no size. The root has no time.
    package func status(of file: FileID) throws(GuestError) -> FileStatus {
        if file == root {
            return FileStatus(
                kind: .directory, permissions: 0o755, owner: 0, group: 0, size: 0, links: 1, modified: 0)
        }
        let entry = try shortEntry(file)
        return FileStatus(
            kind: entry.isDirectory ? .directory : .regular,
            permissions: entry.isReadOnly && !entry.isDirectory ? 0o555 : 0o755, owner: 0, group: 0,
            size: entry.isDirectory ? 0 : UInt64(entry.size), links: 1, modified: entry.modified)
    }

    package func readLink(_ link: FileID) throws(GuestError) -> [UInt8] {
        throw GuestError(.unsupported, "FAT has no symbolic links")
    }

    package func extendedAttributes(of file: FileID) throws(GuestError) -> [ExtendedAttribute] { [] }

    package func read(_ file: FileID, at offset: UInt64, count: Int) throws(GuestError) -> [UInt8] {
        let entry = try regularFile(file)
        let size = UInt64(entry.size)
        guard offset < size, count > 0 else { return [] }
        let wanted = offset..<min(size, offset + min(UInt64(count), size - offset))
        var bytes: [UInt8] = []
        // Where the run is in the file, in bytes.
        var start: UInt64 = 0
        for run in try runs(of: entry) {
            let extent = start..<start + UInt64(run.count) * UInt64(geometry.clusterSize)
            let part = extent.clamped(to: wanted)
            if !part.isEmpty {
                let position = geometry.offset(ofCluster: run.first) + (part.lowerBound - start)
                bytes += try device.read(at: position, count: Int(part.upperBound - part.lowerBound))
            }
            start = extent.upperBound
        }
        return bytes
    }

    func regularFile(_ file: FileID) throws(GuestError) -> ShortEntry {
        guard file != root else { throw GuestError(.unsupported, "the root directory is not a regular file") }
        let entry = try shortEntry(file)
        guard !entry.isDirectory else {
            throw GuestError(.unsupported, "directory entry \(file.number) is that of a directory")
        }
        return entry
    }

    /// All clusters of a regular file, which may be more than its size needs.
    func runs(of entry: ShortEntry) throws(GuestError) -> [ClusterRun] {
        let first = entry.firstCluster(geometry.width)
        if first == 0, entry.size == 0 { return [] }
        if let latestRuns, latestRuns.first == first { return try check(latestRuns.runs, entry) }
        let limit = (Self.maximumFileSize + 1) / UInt64(geometry.clusterSize)
        let runs = try table.runs(from: first, limit: Int(limit))
        latestRuns = (first, runs)
        return try check(runs, entry)
    }

    private func check(_ runs: [ClusterRun], _ entry: ShortEntry) throws(GuestError) -> [ClusterRun] {
        guard runs.clusterCount * geometry.clusterSize >= Int(entry.size) else {
            throw GuestError(.damaged, "a file of \(entry.size) bytes has only \(runs.clusterCount) clusters")
        }
        return runs
    }
}
