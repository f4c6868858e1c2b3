import DiskImage

/// The disk of an OVA that comes front to back. Its OVF comes first, as the specification demands.
final class OVAStream: DiskStream {
    private let source: ArchivedDisk
    private let disk: any DiskStream
    private let ignoresManifest: Bool
    private var warnings: [String] = []
    private var isFinished = false
    /// Throws if a raw disk of so many bytes is less than the OVF says.
    private let requireCapacity: (UInt64) throws(ImageError) -> Void
    private var bytesRead: UInt64 = 0

    init(
        _ disk: any DiskStream, from source: ArchivedDisk, ignoresManifest: Bool,
        requireCapacity: @escaping (UInt64) throws(ImageError) -> Void
    ) {
        self.requireCapacity = requireCapacity
        self.disk = disk
        self.source = source
        self.ignoresManifest = ignoresManifest
    }

    var path: String { disk.path }
    var virtualSize: UInt64? { disk.virtualSize }

    var info: ImageInfo {
        var info = disk.info
        info.warnings += warnings
        return info
    }

    func next() throws(ImageError) -> StreamedExtent? {
        if let extent = try disk.next() { return extent }
        try finish()
        return nil
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(ImageError) -> Int {
        let count = unsafe try disk.read(into: buffer)
        bytesRead += UInt64(count)
        // A disk whose size was not known ends so; nobody will ask for what comes next.
        if count < buffer.count { try finish() }
        return count
    }

    /// Reads the rest of the archive.
    private func finish() throws(ImageError) {
        guard !isFinished else { return }
        isFinished = true
        if disk.info.format == .raw { try requireCapacity(bytesRead) }
        for mismatch in try source.finish() {
            guard ignoresManifest else { throw mismatch }
            warnings.append("\(mismatch)")
        }
        let unlisted = source.unlisted
        if !unlisted.isEmpty { warnings.append("the manifest has no digest of \(unlisted.joined(separator: " and "))") }
    }
}
