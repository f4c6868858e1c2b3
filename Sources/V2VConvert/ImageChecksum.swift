import ByteLayout
import Conversion
import DiskImage

/// Makes a digest of the content of a disk image that is the same in whatever format, and however allocated or compressed, the
/// content is stored.
///
/// It is the root of a tree of SHA-256 digests over the disk and endless zeros behind it, so that zeros at the disk's end do
/// not change it either. What the image knows to be zero is not read. docs/checksum.md has the definition, and a program that
/// computes it.
public struct ImageChecksum: Sendable {
    /// The image.
    public var source: DiskImageSource

    /// The name of the way in which the digest is made; another way would have another name.
    public static let algorithm = "v2v1"

    /// The digest of `source`.
    public init(_ source: DiskImageSource) {
        self.source = source
    }

    /// A digest, and what it does not tell.
    public struct Result: Sendable, Equatable {
        /// 64 hexadecimal digits, in lower case.
        public var digest: String
        /// Bytes of the disk.
        public var virtualSize: UInt64
    }

    /// Makes the digest. Cancelling the task stops it.
    /// - Parameter progress: called about four times a second, from one task at a time, and once at the end.
    /// - Throws: `ImageError`: about an image that can't be opened or read; its code is `cancelled` after a cancellation.
    public func compute(progress: (@Sendable (ConversionProgress) -> Void)? = nil) async throws -> Result {
        try await Job.run(progress: progress) { job throws(ImageError) in try computeBlocking(job) }
    }

    private func computeBlocking(_ job: Job) throws(ImageError) -> Result {
        let (reader, opener) = try source.open { job.isStopped }
        let checksum: Checksum
        if let stream = try source.makeStream(reader) {
            // Safe: from here on only the checksum's threads use it, under their lock.
            nonisolated(unsafe) let disk = stream
            checksum = unsafe try Checksum(disk, job: job)
        } else {
            checksum = Checksum(try source.makeMap(reader), job: job)
        }
        let (digest, size) = try checksum.run(
            workers: ConversionSettings.defaultWorkers(processors: ConversionSettings.processors))
        try opener.opened.requireUnshortened()
        return Result(
            digest: digest.map(\.hexadecimalDigits).joined(), virtualSize: DiskImageTarget.wholeSectors(size))
    }
}
