import Conversion
import DiskImage
public import Logging
import SystemPackage

/// Tells how large the files will be that a conversion writes, before it does: what `qemu-img measure` tells, for every
/// format that can be written.
///
/// The writers themselves are asked, so the numbers are those of a ``Converter`` with the same target, to the byte.
public struct ImageMeasurement: Sendable {
    /// What would be written. Of its path only the name counts, which a VMDK has in its descriptor, and the directory, where
    /// a backing file is looked for.
    public var target: DiskImageTarget
    /// Reads the whole disk, looks for zeros in it and, for compressed outputs, compresses it: so ``Result/File/required`` is
    /// exact. Otherwise the image's map is all that is looked at, and the result is a bound.
    public var readsContent = false
    /// Where details that are no errors go.
    public var logger = Logger(label: "v2v-convert")

    /// A measurement of what a conversion to `target` writes.
    public init(_ target: DiskImageTarget) {
        self.target = target
    }

    /// How large the files will be.
    public struct Result: Sendable, Equatable {
        /// A file of the output.
        public struct File: Sendable, Equatable {
            /// Its name, relative to the directory of the first.
            public var name: String
            /// Bytes of the file. Unless ``ImageMeasurement/readsContent`` is set that is as if everything that the image's map
            /// has were stored, zeros among it too, and as if nothing could be compressed.
            public var required: UInt64
            /// Bytes of the file if the whole disk were stored.
            public var fullyAllocated: UInt64
        }

        /// The files, the one with the output's name first.
        public var files: [File]
        /// Bytes that the image's persistent bitmaps would need in addition, which a conversion leaves out; nil if either
        /// format has none.
        public var bitmaps: UInt64?

        /// Bytes of all files.
        public var required: UInt64 { files.reduce(0) { $0 + $1.required } }
        /// Bytes of all files if the whole disk were stored.
        public var fullyAllocated: UInt64 { files.reduce(0) { $0 + $1.fullyAllocated } }
    }

    /// Measures what a conversion of `source` writes. Cancelling the task stops it.
    /// - Parameters:
    ///   - source: what would be converted.
    ///   - progress: called about four times a second, from one task at a time, and once at the end.
    /// - Throws: `ImageError`, as ``Converter/convert(progress:)`` about the source and the target's options.
    public func measure(
        _ source: DiskImageSource, progress: (@Sendable (ConversionProgress) -> Void)? = nil
    ) async throws -> Result {
        try await Job.run(progress: progress) { job throws(ImageError) in try measureBlocking(source, job) }
    }

    /// Measures what a conversion of a disk of `size` bytes writes that nothing has been written to.
    /// - Throws: `ImageError` about the target's options.
    public func measure(size: UInt64) async throws -> Result {
        try await Job.run(progress: nil) { job throws(ImageError) in
            let size = try DiskImageTarget.diskSize(size, unless: .invalidOption, path: target.path)
            let disk = UniformMap(virtualSize: size, content: .zero)
            // As nobody has written to it, it shows what the backing file has.
            return try bound(CopySource(disk), try target.resolvedFormat(), job)
        }
    }

    private func measureBlocking(_ source: DiskImageSource, _ job: Job) throws(ImageError) -> Result {
        var format = try target.resolvedFormat()
        let (reader, opener) = try source.open { job.isStopped }
        for warning in reader.info.warnings { logger.debug("\(source.path): \(warning)") }
        let backing = try target.openBackingFile(&format, opener: opener)
        var result: Result
        if let stream = try source.makeStream(reader) {
            result = try read(.stream(stream, warnings: 0), format, job)
        } else {
            let disk = CopySource(try source.makeMap(reader), over: backing)
            if readsContent {
                let dataBytes = try Survey(disk) { job.isStopped }.dataBytes
                result = try read(.disk(disk, dataBytes: dataBytes), format, job)
            } else {
                result = try bound(disk, format, job)
            }
        }
        if case .qcow2(let options) = format { result.bitmaps = options.bitmapSize(of: reader.info) }
        try opener.opened.requireUnshortened()
        return result
    }

    /// What the map tells.
    private func bound(_ disk: sending CopySource, _ format: TargetFormat, _ job: Job) throws(ImageError) -> Result {
        let virtualSize = DiskImageTarget.wholeSectors(disk.virtualSize)
        let sizes = try SizeBound.sizes(
            of: disk, try makeWriter(format, virtualSize: virtualSize),
            minimumZeroRun: try target.effectiveZeroRun(format), job: job)
        return try result(sizes, format, virtualSize: virtualSize, job)
    }

    /// What a conversion makes of the content.
    private func read(_ content: Content, _ format: TargetFormat, _ job: Job) throws(ImageError) -> Result {
        guard readsContent else {
            throw ImageError(
                .invalidOption, "what comes front to back can only be measured by reading it", advice: "pass --exact")
        }
        job.begin(.copying, total: content.dataBytes)
        let workers = ConversionSettings.defaultWorkers(processors: ConversionSettings.processors)
        let engine = Engine(settings: ConversionSettings(workers: workers), job: job, logger: logger)
        let writer = try makeWriter(format, virtualSize: content.virtualSize.map(DiskImageTarget.wholeSectors))
        let (virtualSize, sizes) = try content.copy(
            engine, to: writer, output: nil, minimumZeroRun: try target.effectiveZeroRun(format))
        return try result(sizes, format, virtualSize: DiskImageTarget.wholeSectors(virtualSize), job)
    }

    private func result(
        _ required: [UInt64], _ format: TargetFormat, virtualSize: UInt64, _ job: Job
    ) throws(ImageError) -> Result {
        let writer = try makeWriter(format, virtualSize: virtualSize)
        let names = [FilePath(target.path).lastComponent?.string ?? target.path] + writer.companions
        let full =
            if let known = writer.fullSizes { known } else { try fullSizes(writer, virtualSize: virtualSize, job) }
        let files = zip(names, zip(required, full)).map { name, sizes in
            Result.File(name: name, required: sizes.0, fullyAllocated: sizes.1)
        }
        return Result(files: files)
    }

    private func fullSizes(
        _ writer: any ImageWriter, virtualSize: UInt64, _ job: Job
    ) throws(ImageError) -> [UInt64] {
        let full = UniformMap(virtualSize: virtualSize, content: .data(file: 0, offset: HostOffset(0)))
        return try SizeBound.sizes(of: CopySource(full), writer, minimumZeroRun: 0, job: job)
    }

    private func makeWriter(_ format: TargetFormat, virtualSize: UInt64?) throws(ImageError) -> any ImageWriter {
        try target.makeWriter(format, virtualSize: virtualSize) {
            preconditionFailure("only what goes into a stream is planned")
        }
    }
}
