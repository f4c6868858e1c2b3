import Conversion
import DiskImage
public import Logging

/// Converts a disk image.
///
/// The output appears under its name when it is complete and on the device, or not at all. Its bytes depend only on the
/// content of the source and the target's options, not on the number of workers or the kind of I/O.
public struct Converter: Sendable {
    /// The image to read.
    public var source: DiskImageSource
    /// The image to write.
    public var target: DiskImageTarget
    /// Threads that copy, 1 to 64; nil for as many as there are processors, up to what 128 MiB of memory can feed.
    public var workers: Int?
    /// Pieces of 2 MiB that each thread has in flight, 1 to 64; nil for 4, or fewer where many threads share 128 MiB of
    /// memory. More help where every request takes long: 4 in flight at 50 ms are 160 MB/s a thread.
    public var queueDepth: Int?
    /// Bytes of the disk that are copied in a second at most, known zeros not counted; nil for no limit. Blocks that are
    /// shared are not copied.
    public var rateLimit: UInt64?
    /// How files are read and written.
    public var io = IOMode.automatic
    /// Write past the page cache where the filesystem allows it, which costs less processor time and leaves the
    /// data on the device.
    public var usesDirectIO = true
    /// Share the source's blocks with the output instead of copying them, on filesystems that can (XFS, btrfs). Then zeros
    /// that the source stores are stored in the output too.
    public var reflink = Reflink.automatic
    /// Reads the output back from the device, and fails if it is not what was written: every byte while other parts are
    /// converted, and at the end the tables, by opening the image. What was compressed is inflated and compared. Not for
    /// streams.
    public var verifies = false
    /// Changes the guest in the output so that it boots on KVM with virtio and keeps the names of its network interfaces; nil
    /// to copy it as it is. What can't be done is told in the report's `fixup`; the disk is converted all the same. Not for
    /// input that comes front to back.
    public var fixup: FixupOptions?
    /// Definitions of the machine that are written beside the output, and appear with it or not at all; nil for none. Not for
    /// streams, exports, and what is overwritten in place; for raw and qcow2.
    public var definitions: DefinitionOptions?
    /// Where details that are no errors go.
    public var logger = Logger(label: "v2v-convert")

    /// How files are read and written.
    public enum IOMode: String, Sendable, CaseIterable {
        /// io_uring if the system allows it, else pread and pwrite.
        case automatic = "auto"
        /// io_uring, or an error.
        case uring
        /// pread and pwrite.
        case sync
    }

    /// A conversion of `source` to `target`.
    public init(source: DiskImageSource, target: DiskImageTarget) {
        self.source = source
        self.target = target
    }

    /// Converts. Cancelling the task stops the conversion and removes what was written.
    /// - Parameter progress: called about four times a second, from one task at a time, and once at the end.
    /// - Throws: `ImageError`; its code is `cancelled` after a cancellation.
    @discardableResult
    public func convert(
        progress: (@Sendable (ConversionProgress) -> Void)? = nil
    ) async throws -> ConversionReport {
        try await Job.run(progress: progress) { job throws(ImageError) in try convertBlocking(job) }
    }

    /// The conversion as a stream of progress that ends, or throws, with the conversion. Dropping the stream cancels it.
    public func progress() -> AsyncThrowingStream<ConversionProgress, any Error> {
        AsyncThrowingStream(bufferingPolicy: .bufferingNewest(1)) { continuation in
            let task = Task {
                do {
                    try await convert { continuation.yield($0) }
                    continuation.finish()
                } catch {
                    continuation.finish(throwing: error)
                }
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }

    /// Deletes the temporary files of every conversion of this process, for a process that must end at once, as on a
    /// second interrupt. Running conversions fail.
    public static func removeUnfinishedOutputs() {
        UnfinishedOutputs.removeAll()
    }
}
