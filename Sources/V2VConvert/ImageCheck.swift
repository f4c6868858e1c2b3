import ChangeJournal
import Conversion
import DiskImage

/// Checks the tables of a disk image for contradictions, and repairs those of qcow2 images.
///
/// What the guest stored is not looked at. Checking never writes.
public struct ImageCheck: Sendable {
    /// The image.
    public var source: DiskImageSource
    /// What to repair, in place; nil for nothing.
    public var repair: RepairExtent?

    /// A check of the image `source`.
    public init(_ source: DiskImageSource, repair: RepairExtent? = nil) {
        self.source = source
        self.repair = repair
    }

    /// What a check found; after a repair, what is still wrong.
    public struct Result: Sendable, Equatable {
        /// The image as the caller named it.
        public internal(set) var path: String
        /// Its format.
        public internal(set) var format: ImageFormat
        /// What may make data wrong, or already has.
        public internal(set) var corruptions: UInt64 = 0
        /// Clusters that nothing uses, but that are not free.
        public internal(set) var leaks: UInt64 = 0
        /// Corruptions that were repaired.
        public internal(set) var corruptionsFixed: UInt64 = 0
        /// Leaks that were repaired.
        public internal(set) var leaksFixed: UInt64 = 0
        /// Clusters of the disk; like the following ones 0 where the format does not tell.
        public internal(set) var totalClusters: UInt64 = 0
        /// Those of them that are stored.
        public internal(set) var allocatedClusters: UInt64 = 0
        /// Those of them that do not follow the one before in the file.
        public internal(set) var fragmentedClusters: UInt64 = 0
        /// Those of them that are compressed.
        public internal(set) var compressedClusters: UInt64 = 0
        /// Bytes of the file up to the end of what is used.
        public internal(set) var imageEndOffset: UInt64 = 0

        init(path: String, format: ImageFormat, report: CheckReport, fixed: RepairCounts = RepairCounts()) {
            self.path = path
            self.format = format
            corruptions = report.corruptions
            leaks = report.leaks
            corruptionsFixed = fixed.corruptions
            leaksFixed = fixed.leaks
            totalClusters = report.clusters.total
            allocatedClusters = report.clusters.allocated
            fragmentedClusters = report.clusters.fragmented
            compressedClusters = report.clusters.compressed
            imageEndOffset = report.imageEnd
        }
    }

    /// Checks, repairs if that is wanted and checks again. Cancelling the task stops it between two writes.
    /// - Parameter found: told each finding of the first check, in no particular order; from another thread.
    /// - Returns: nil if the format can't be checked, or not be repaired.
    /// - Throws: `ImageError` if the image can't be checked or, in part or at all, repaired.
    public func check(found: (@Sendable (CheckFinding) -> Void)? = nil) async throws -> Result? {
        try await Job.run(progress: nil) { job throws(ImageError) in try checkBlocking(job, found ?? { _ in }) }
    }

    private func checkBlocking(
        _ job: Job, _ found: @escaping (CheckFinding) -> Void
    ) throws(ImageError) -> Result? {
        var source = source
        // Other formats tell of missing files and damaged lists as findings; qcow2 reads its lists again.
        source.salvages = true
        guard let repair else {
            guard let checker = try source.open().reader as? any ImageChecker else { return nil }
            var report = CheckReport(isCancelled: { job.isStopped }, found: found)
            try checker.check(&report)
            return Result(path: source.path, format: type(of: checker).format, report: report)
        }
        guard !source.ignoresLocks else {
            throw ImageError(.invalidOption, "an image that may be in use can't be repaired", path: source.path)
        }
        // The locks of the file that is written to would keep a reader out, be it this one.
        source.ignoresLocks = true
        guard try source.open().reader is any ImageRepairer else { return nil }
        let target = try EditableFile(path: source.path)
        // What looks like leaks may be what the rest of an interrupted change needs.
        try InterruptedChange.refuse(target.reader())
        var first = CheckReport(isCancelled: { job.isStopped }, found: found)
        let repairer = try Self.open(source, target)
        try repairer.check(&first)
        let fixed = try repairer.repair(repair, output: target, reopen: target.reader, &first)
        var last = first
        if fixed != RepairCounts() {
            last = CheckReport(isCancelled: { job.isStopped })
            try Self.open(source, target).check(&last)
        }
        if last.corruptions == 0 { try Self.open(source, target).markConsistent(output: target) }
        return Result(path: source.path, format: type(of: repairer).format, report: last, fixed: fixed)
    }

    /// Opens the image as it is now; `target` is the same file.
    private static func open(
        _ source: DiskImageSource, _ target: EditableFile
    ) throws(ImageError) -> any ImageRepairer {
        let (reader, opener) = try source.open()
        guard let repairer = reader as? any ImageRepairer,
            opener.opened.identities.first == (try target.reader().identity)
        else {
            throw ImageError(.inputUnreadable, "another file has taken the image's place", path: source.path)
        }
        return repairer
    }
}
