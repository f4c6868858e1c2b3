import Conversion
import DiskImage
public import Logging

/// Creates a disk image that nothing has been written to, as `qemu-img create` does.
///
/// The image appears under its name when it is complete and on the device, or not at all.
public struct ImageCreation: Sendable {
    /// The image to write. Over a backing file, which its format names, it shows what that has.
    public var target: DiskImageTarget
    /// Bytes of the disk, which has whole sectors; nil for as many as the backing file's has.
    public var size: UInt64?
    /// Opens the backing file: its format is recognised, and what can't be a backing file is refused.
    public var opensBackingFile = true
    /// Lets the backing file name files outside its own directory, and devices.
    public var allowsOutsideFiles = false
    /// Where details that are no errors go.
    public var logger = Logger(label: "v2v-convert")

    /// An image at `target` with a disk of `size` bytes.
    public init(_ target: DiskImageTarget, size: UInt64? = nil) {
        self.target = target
        self.size = size
    }

    /// What was created.
    public struct Result: Sendable {
        /// The format, completed by that of the backing file.
        public var format: TargetFormat
        /// Bytes of the disk.
        public var virtualSize: UInt64
    }

    /// Creates the image. Cancelling the task stops it and removes what was written.
    /// - Throws: `ImageError`: `invalidOption`, `outputExists`, `outputFailed`, `outputNoSpace`, or about the backing file.
    @discardableResult
    public func create() async throws -> Result {
        try await Job.run(progress: nil) { job throws(ImageError) in try createBlocking(job) }
    }

    private func createBlocking(_ job: Job) throws(ImageError) -> Result {
        guard !target.isExport else {
            throw ImageError(
                .invalidOption, "an image can't be created on a server", advice: "convert one to it", path: target.path)
        }
        var format = try target.resolvedFormat()
        var source = DiskImageSource(path: target.path)
        source.allowsOutsideFiles = allowsOutsideFiles
        let opener = source.makeOpener()
        let backing = opensBackingFile ? try target.openBackingFile(&format, opener: opener) : nil
        if !opensBackingFile {
            try target.requireBackingFormat(format)
            try target.requireOtherBackingFile(format)
        }
        guard let wanted = size ?? backing?.virtualSize else {
            throw ImageError(
                .invalidOption, "the size of the disk is missing", advice: "say it behind the name", path: target.path)
        }
        let virtualSize = try DiskImageTarget.diskSize(wanted, unless: .invalidOption, path: target.path)
        let writer = try target.makeWriter(format, virtualSize: virtualSize) {
            UniformMap(virtualSize: virtualSize, content: .zero)
        }
        for warning in writer.warnings { logger.warning("\(target.path): \(warning)") }
        let output = try Output(
            path: target.path, companions: writer.companions, kind: target.outputKind(virtualSize: virtualSize),
            sources: opener.opened.identities, usesDirectIO: true, job: job)
        try target.prepare(output, format, virtualSize: virtualSize, logger: logger)
        let engine = Engine(settings: ConversionSettings(workers: 1), job: job, logger: logger)
        let disk = CopySource(UniformMap(virtualSize: virtualSize, content: .zero))
        let sizes = try engine.copy(
            disk, to: writer, output: output, minimumZeroRun: format.isWrittenWhole ? 0 : .max)
        try output.commit(sizes: sizes)
        return Result(format: format, virtualSize: virtualSize)
    }
}

extension TargetFormat {
    /// Whether every byte of the disk is written, zeros too.
    fileprivate var isWrittenWhole: Bool {
        switch self {
        case .raw(let options): options.preallocation == .full
        case .qcow2(let options): options.preallocation == .full
        case .vmdk, .vhd, .vhdx: false
        }
    }
}
