package import GuestDisk

extension FATFilesystem {
    package func capacity(of file: FileID) throws(GuestError) -> UInt64 {
        try requireWritable()
        let clusters = try runs(of: regularFile(file)).clusterCount
        return min(UInt64(clusters) * UInt64(geometry.clusterSize), Self.maximumFileSize)
    }

    /// Takes content of any size: clusters are added and freed.
    package func overwrite(_ file: FileID, with content: [UInt8]) throws(GuestError) {
        try requireWritable()
        var entry = try regularFile(file)
        let old = try runs(of: entry)
        let needed = try clusterCount(for: content.count)
        let kept = old.prefix(clusters: min(needed, old.clusterCount))
        let added = try findFree(needed - kept.clusterCount)
        let last = kept.last.map { $0.first + $0.count - 1 }
        try change { () throws(GuestError) in
            try take(added, behind: last)
            try free(old.dropFirst(clusters: kept.clusterCount), behind: last)
            try write(content, to: kept + added)
            entry.size = UInt32(content.count)
            entry.setFirstCluster((kept + added).first?.first ?? 0, geometry.width)
            try device.write(entry.bytes, at: position(of: file))
        }
    }

    /// Puts nothing anywhere: every change goes to the device at once.
    package func flush() throws(GuestError) {
        if let failure { throw failure }
    }
}
