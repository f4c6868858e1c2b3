package import GuestDisk

extension FATFilesystem {
    package func lookUp(_ name: [UInt8], in directory: FileID) throws(GuestError) -> FileID? {
        try find(name, in: self.directory(directory)).map { $0.file }
    }

    package func forEachEntry(
        of directory: FileID, _ body: (_ name: [UInt8], _ file: FileID) throws(GuestError) -> Bool
    ) throws(GuestError) {
        let directory = try self.directory(directory)
        for entry in directory.entries {
            guard try body(Array(entry.name.utf8), file(of: entry, in: directory)) else { return }
        }
    }

    /// The entry that answers to `name`, whatever its case.
    func find(_ name: [UInt8], in directory: Directory) -> (entry: DirectoryEntry, file: FileID)? {
        guard let name = String(validating: name, as: UTF8.self) else { return nil }
        let folded = name.caseFolded
        return directory.entries.first { $0.isCalled(folded) }.map { ($0, file(of: $0, in: directory)) }
    }

    private func file(of entry: DirectoryEntry, in directory: Directory) -> FileID {
        FileID(directory.position(ofSlot: entry.slots.upperBound - 1) / UInt64(ShortEntry.length))
    }

    /// The short entry of a file, which isn't the root.
    func shortEntry(_ file: FileID) throws(GuestError) -> ShortEntry {
        let (position, overflow) = file.number.multipliedReportingOverflow(by: UInt64(ShortEntry.length))
        guard !overflow, position >= geometry.dataStart || geometry.rootRegion.contains(position) else {
            throw GuestError(.notFound, "there is no directory entry \(file.number)")
        }
        let entry = ShortEntry(bytes: try device.read(at: position, count: ShortEntry.length))
        guard entry.isInUse, !entry.isPartOfLongName, !entry.isVolumeLabel else {
            throw GuestError(.notFound, "directory entry \(file.number) is not in use")
        }
        return entry
    }

    /// Where the short entry of a file is, in bytes.
    func position(of file: FileID) -> UInt64 { file.number * UInt64(ShortEntry.length) }

    func directory(_ file: FileID) throws(GuestError) -> Directory {
        guard file != root else { return try Self.rootDirectory(device, geometry, table) }
        let entry = try shortEntry(file)
        guard entry.isDirectory else {
            throw GuestError(.unsupported, "directory entry \(file.number) is not that of a directory")
        }
        return try Self.directory(at: entry.firstCluster(geometry.width), device, geometry, table)
    }

    static func rootDirectory(
        _ device: any BlockDevice, _ geometry: FATGeometry, _ table: AllocationTable
    ) throws(GuestError) -> Directory {
        if geometry.width == .fat32 { return try directory(at: geometry.rootCluster, device, geometry, table) }
        let region = geometry.rootRegion
        return Directory(
            bytes: try device.read(at: region.lowerBound, count: Int(region.upperBound - region.lowerBound)),
            extents: [region])
    }

    private static func directory(
        at first: UInt32, _ device: any BlockDevice, _ geometry: FATGeometry, _ table: AllocationTable
    ) throws(GuestError) -> Directory {
        let limit = max(Directory.maximumSize / geometry.clusterSize, 1)
        let runs = try table.runs(from: first, limit: limit)
        var directory = Directory(bytes: [], extents: [])
        for run in runs {
            let start = geometry.offset(ofCluster: run.first)
            let length = Int(run.count) * geometry.clusterSize
            directory.bytes += try device.read(at: start, count: length)
            directory.extents.append(start..<start + UInt64(length))
            directory.lastCluster = run.first + run.count - 1
        }
        return directory
    }
}
