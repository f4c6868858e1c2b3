import Conversion
public import DiskImage
public import GuestFixups
import Synchronization

/// What a conversion did.
public struct ConversionReport: Sendable, Encodable {
    /// The input as named.
    public var source: String
    /// The format of the input.
    public var sourceFormat: String
    /// The output as named.
    public var target: String
    /// The format of the output.
    public var targetFormat: String
    /// Bytes of the virtual disk.
    public var virtualSize: UInt64
    /// Bytes read from the source's files for data; tables do not count.
    public var bytesRead: UInt64
    /// Bytes written to the output, its tables included.
    public var bytesWritten: UInt64
    /// Bytes of the output that are blocks of the source, shared and not copied.
    public var bytesShared: UInt64
    /// Bytes of virtual disk that were not written because they are zero, or what the backing file has, known or found.
    public var zeroBytes: UInt64
    /// Bytes of the finished output file, or files.
    public var fileSize: UInt64
    /// Wall-clock time, the wait for the device included.
    public var seconds: Double
    /// Copied data (not zeros known beforehand) by time, in 10^6 bytes per second.
    public var megabytesPerSecond: Double
    /// What a user should know, though the conversion succeeded.
    public var warnings: [String]

    /// What could not be read and became zeros, when salvaging.
    public var lost: [LostRange]
    /// Whether the output was read back from the device, and is what was written.
    public var isVerified: Bool
    /// What was changed in the guest so that it boots on KVM; nil if that was not asked for.
    public var fixup: FixupResult?
    /// The paths of the definitions of the machine that were written.
    public var definitions: [String] = []

    init(
        source: String, sourceFormat: String, target: String, targetFormat: String, virtualSize: UInt64
    ) {
        self.source = source
        self.sourceFormat = sourceFormat
        self.target = target
        self.targetFormat = targetFormat
        self.virtualSize = virtualSize
        bytesRead = 0
        bytesWritten = 0
        bytesShared = 0
        zeroBytes = 0
        fileSize = 0
        seconds = 0
        megabytesPerSecond = 0
        warnings = []
        lost = []
        isVerified = false
    }

    /// Takes the counters of a finished job.
    mutating func finish(_ job: Job, fileSize: UInt64, seconds: Double) {
        bytesRead = job.readBytes.load(ordering: .relaxed)
        bytesWritten = job.writtenBytes.load(ordering: .relaxed)
        bytesShared = job.sharedBytes.load(ordering: .relaxed)
        zeroBytes = virtualSize - min(virtualSize, job.storedBytes.load(ordering: .relaxed))
        self.fileSize = fileSize
        self.seconds = seconds
        megabytesPerSecond = seconds > 0 ? Double(job.copiedBytes.load(ordering: .relaxed)) / seconds / 1e6 : 0
    }

    private enum CodingKeys: String, CodingKey {
        case source
        case sourceFormat = "source-format"
        case target
        case targetFormat = "target-format"
        case virtualSize = "virtual-size"
        case bytesRead = "bytes-read"
        case bytesWritten = "bytes-written"
        case bytesShared = "bytes-shared"
        case zeroBytes = "zero-bytes"
        case fileSize = "file-size"
        case seconds
        case megabytesPerSecond = "mb-per-second"
        case warnings
        case lost
        case isVerified = "verified"
        case fixup
        case definitions
    }
}
