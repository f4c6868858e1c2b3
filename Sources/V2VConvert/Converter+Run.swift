import Conversion
import DiskImage
import Logging

extension Converter {
    /// The whole conversion, on the calling thread and the engine's workers.
    func convertBlocking(_ job: Job) throws(ImageError) -> ConversionReport {
        let clock = ContinuousClock()
        let start = clock.now
        var settings = try makeSettings()
        var format = try target.resolvedFormat()
        let (reader, opener) = try source.open { job.isStopped }
        let files = opener.opened
        let info = reader.info
        for warning in info.warnings { logger.warning("\(source.path): \(warning)") }

        let losses = source.salvages ? Losses() : nil
        let definitions = try makeDefinitions(format, of: reader)
        let fixed = try fixup.map { options throws(ImageError) in try FixedGuest.make(source, reader, options) }
        let fixupResult = fixed?.result
        let content = try makeContent(
            reader, over: try target.openBackingFile(&format, opener: opener), losses: losses, fixed, job)
        let virtualSize = try content.virtualSize.map { size throws(ImageError) in try diskSize(size) }
        let writer = try makeWriter(format, virtualSize: virtualSize, of: reader, salvages: losses != nil)
        let remarks = writer.warnings.map { "\(target.path): \($0)" }
        let companions = writer.companions
        let zeroRun = try target.effectiveZeroRun(format)

        let verification = try makeVerification(writer.layout, format)
        let output = try Output(
            path: target.path, companions: companions, others: definitions.names,
            kind: target.outputKind(virtualSize: virtualSize ?? 0),
            sources: files.identities, usesDirectIO: usesDirectIO, job: job)
        try target.prepare(output, format, virtualSize: virtualSize, logger: logger)
        if try target.preallocatedSizes(format, virtualSize: virtualSize) != nil {
            try refuseSharing(&settings, with: "preallocation")
        }
        job.begin(.copying, total: content.dataBytes)
        let check = try DigestCheck(
            files.expectations, job: job, isFatal: !source.ignoresManifest && losses == nil)
        defer { check.stop() }
        var engine = Engine(settings: settings, job: job, logger: logger, losses: losses)
        engine.verification = verification
        let (size, fileSizes) = try content.copy(engine, to: writer, output: output, minimumZeroRun: zeroRun)
        job.begin(.finishing, total: content.dataBytes)
        // What only reading has told.
        let found =
            remarks + opener.findings.warnings + (try check.finish().map(\.description))
            + content.lateWarnings
        for warning in found { logger.warning("\(warning)") }
        if losses == nil { try files.requireUnshortened() }
        let definitionSizes = try definitions.write(to: output, from: fileSizes.count)
        try output.commit(sizes: fileSizes + definitionSizes) { () throws(ImageError) in
            if let verification {
                try verify(
                    output, format, virtualSize: try diskSize(size), companions: companions, against: verification, job)
            }
        }

        var report = ConversionReport(
            source: source.path, sourceFormat: info.format.rawValue, target: target.path,
            targetFormat: format.name.rawValue, virtualSize: try diskSize(size))
        report.warnings = info.warnings + found
        report.lost = losses?.ranges ?? []
        report.isVerified = verification != nil
        report.fixup = fixupResult
        report.definitions = output.paths(from: fileSizes.count)
        let elapsed = start.duration(to: clock.now)
        report.finish(job, fileSize: fileSizes.reduce(0, +), seconds: elapsed / .seconds(1))
        return report
    }

    private func makeContent(
        _ reader: any ImageReader, over backing: (any DiskMap)?, losses: Losses?, _ fixed: FixedGuest?, _ job: Job
    ) throws(ImageError) -> Content {
        if let stream = try source.makeStream(reader) {
            guard backing == nil else {
                throw ImageError(
                    .invalidOption, "what comes front to back can't be compared with a backing file",
                    advice: "save the input to a file", path: stream.path)
            }
            return .stream(stream, warnings: stream.info.warnings.count)
        }
        var map: any DiskMap = try makeMap(reader, losses: losses)
        if let changes = fixed?.changes { map = LayeredMap(changes, over: map) }
        let disk = CopySource(map, over: backing)
        return .disk(disk, dataBytes: try Survey(disk) { job.isStopped }.dataBytes)
    }

    private func makeMap(_ reader: any ImageReader, losses: Losses?) throws(ImageError) -> sending any DiskMap {
        let map = try source.makeMap(reader)
        guard let losses else { return map }
        return SalvagingMap(map, losses: losses)
    }

    private func makeWriter(
        _ format: TargetFormat, virtualSize: UInt64?, of reader: any ImageReader, salvages: Bool
    ) throws(ImageError) -> any ImageWriter {
        let writer = try target.makeWriter(format, virtualSize: virtualSize) { () throws(ImageError) in
            try makeMap(reader, losses: salvages ? Losses() : nil)
        }
        guard target.descriptor == nil || writer.isSequential else {
            throw ImageError(
                .invalidOption, "this form of \(format.name.rawValue) can't be written front to back, as a stream is",
                advice: "-O raw, -O qcow2, and -O vmdk with -o subformat=streamOptimized, can")
        }
        return writer
    }

    /// The bytes of the output's disk.
    private func diskSize(_ size: UInt64) throws(ImageError) -> UInt64 {
        try DiskImageTarget.diskSize(size, unless: .inputUnsupported, path: source.path)
    }

    private func makeSettings() throws(ImageError) -> ConversionSettings {
        let processors = ConversionSettings.processors
        var settings = ConversionSettings(workers: workers ?? ConversionSettings.defaultWorkers(processors: processors))
        guard (1...ConversionSettings.maximumWorkers).contains(settings.workers) else {
            throw ImageError(
                .invalidOption, "-m takes 1 to \(ConversionSettings.maximumWorkers), not \(settings.workers)")
        }
        settings.usesDirectIO = usesDirectIO
        if let queueDepth, !(1...ConversionSettings.maximumQueueDepth).contains(queueDepth) {
            throw ImageError(
                .invalidOption,
                "--queue-depth takes 1 to \(ConversionSettings.maximumQueueDepth), not \(queueDepth)")
        }
        settings.queueDepth = queueDepth
        if rateLimit == 0 { throw ImageError(.invalidOption, "a rate limit of 0 would never end") }
        settings.rateLimit = rateLimit
        // Who asks for zeros to be found wants them left out.
        settings.reflink = reflink == .automatic && target.minimumZeroRun != nil ? .never : reflink
        settings.ioMode =
            switch io {
            case .automatic: .automatic
            case .uring: .ring
            case .sync: .synchronous
            }
        if verifies { try refuseSharing(&settings, with: "--verify") }
        return settings
    }

    /// What is shared is neither preallocated nor read back.
    private func refuseSharing(_ settings: inout ConversionSettings, with option: String) throws(ImageError) {
        guard reflink != .always else {
            throw ImageError(
                .invalidOption, "--reflink always does not go with \(option)", advice: "leave out one of them")
        }
        settings.reflink = .never
    }
}
