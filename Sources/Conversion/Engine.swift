import ByteLayout
import CLinux
package import DiskImage
package import Logging
import NBD
import RingIO
import SystemPackage

/// What a worker needs of its surroundings.
struct WorkerContext {
    var source: any ChunkSource
    var sequencer: Sequencer
    /// Nil to write nothing.
    var output: Output?
    /// The thread's side of an output that is a stream.
    var stream: OutputStream?
    var job: Job
    var files: [ImageFile]
    /// The files of the output's backing file; nil if it has none.
    var backingFiles: [ImageFile]?
    var layout: WriterLayout
    var minimumZeroRun: Int
    /// Takes what can't be read; nil to make it an error.
    var losses: Losses?
    /// Whether to read back what was written.
    var readsBack: Bool
    /// Chunks in flight for each worker.
    var slots: Int
    /// Nil to copy as fast as possible.
    var rateLimiter: RateLimiter?

    /// The exports that are read or written, each once.
    var exports: [NBDExport] {
        var exports: [NBDExport] = []
        for file in files {
            if case .export(let export) = file.storage, !exports.contains(where: { $0 === export }) {
                exports.append(export)
            }
        }
        return exports + (output?.files.compactMap(\.export) ?? [])
    }
}

/// Copies a disk into a writer's output with worker threads.
package struct Engine {
    package var settings: ConversionSettings
    package var job: Job
    package var logger: Logger
    /// Takes what can't be read, which becomes zeros; nil to make it an error.
    package var losses: Losses?
    /// Learns the places of everything, which is read back and compared; nil to trust the device.
    package var verification: Verification?

    package init(settings: ConversionSettings, job: Job, logger: Logger, losses: Losses? = nil) {
        self.settings = settings
        self.job = job
        self.logger = logger
        self.losses = losses
    }

    /// Copies everything and writes the output's tables; the caller commits the output.
    /// - Parameters:
    ///   - minimumZeroRun: shortest run of zeros that is left out, in bytes; 0 to write every byte of the disk, or, for a
    ///     writer that has planned, of the chunks in which the map has data.
    ///   - output: nil to write nothing: then the sizes are those that the files would have.
    /// - Returns: the bytes of the finished files, by number.
    package func copy(
        _ source: sending CopySource, to writer: sending any ImageWriter, output: Output?, minimumZeroRun: Int
    ) throws(ImageError) -> [UInt64] {
        let layout = writer.layout
        if let output, try clones(source, layout, output, minimumZeroRun: minimumZeroRun) {
            var cloner = Cloner(
                source, layout: layout, output: output, minimumZeroRun: minimumZeroRun, job: job)
            return try cloner.run(writer)
        }
        let files = (disk: source.map.files, backing: source.backing?.files)
        let planner = Planner(
            source,
            includesHoles: minimumZeroRun == 0 && !writer.isPlanned && files.backing == nil
                || mustSeeHoles(of: output, writer))
        return try run(planner, files, writer, output, minimumZeroRun: minimumZeroRun) { nil }
    }

    /// Whether nothing needs to be copied because the output can share the source's blocks.
    private func clones(
        _ source: CopySource, _ layout: WriterLayout, _ output: Output, minimumZeroRun: Int
    ) throws(ImageError) -> Bool {
        guard settings.reflink != .never else { return false }
        if minimumZeroRun > 0, losses == nil,
            try Cloner.serves(source, layout: layout, output: output, job: job)
        {
            return true
        }
        try requireCopying(to: output)
        return false
    }

    private func requireCopying(to output: Output?) throws(ImageError) {
        guard settings.reflink == .always, let output else { return }
        throw ImageError(
            .outputFailed, "the output can't share the input's blocks",
            advice: "both must be plain, and on one filesystem that can (XFS, btrfs); --reflink auto copies",
            path: output.files[0].path)
    }

    /// Copies a disk that comes front to back, like ``copy(_:to:output:minimumZeroRun:)-(CopySource,_,_,_)``.
    /// - Parameter writer: a ``LateSizeWriter``, if the stream does not know the size of the disk.
    /// - Returns: bytes of the virtual disk, and of the finished files.
    package func copy(
        _ stream: sending any DiskStream, to writer: sending any ImageWriter, output: Output?, minimumZeroRun: Int
    ) throws(ImageError) -> (virtualSize: UInt64, fileSizes: [UInt64]) {
        try requireCopying(to: output)
        // Nothing is read from it: messages about the stream need a file with its name.
        let file = try ImageFile(bytes: [], path: stream.path)
        let hasLateSize = stream.virtualSize == nil
        let planner = StreamPlanner(
            stream: stream, includesHoles: minimumZeroRun == 0 || mustSeeHoles(of: output, writer), job: job)
        let sizes = try run(planner, ([file], nil), writer, output, minimumZeroRun: minimumZeroRun) {
            // A disk has whole sectors.
            hasLateSize ? planner.virtualSize.alignedUp(to: 512) : nil
        }
        return (planner.virtualSize, sizes)
    }

    /// Whether holes, too, must be compared: where zeros have places whose map entries only placing tells, and where they are
    /// written over what was there before.
    private func mustSeeHoles(of output: Output?, _ writer: any ImageWriter) -> Bool {
        verification != nil && (writer.layout.unusedPlaces == .chunks || output?.isInPlace == true)
    }

    /// Copies with worker threads until `source` has nothing more.
    /// - Parameter lateSize: tells then what a ``LateSizeWriter`` must be told.
    private func run(
        _ source: any ChunkSource, _ files: (disk: [ImageFile], backing: [ImageFile]?),
        _ writer: sending any ImageWriter, _ output: Output?, minimumZeroRun: Int, lateSize: () -> UInt64?
    ) throws(ImageError) -> [UInt64] {
        let layout = writer.layout
        var wakes: [WakeEvent] = []
        for _ in 0..<settings.workers { wakes.append(try Self.makeWakeEvent()) }
        let stream = try output.flatMap { output throws(ImageError) in try makeStream(output, workers: wakes) }
        let sink: any OutputSink & Sendable = (stream as (any OutputSink & Sendable)?) ?? output ?? DiscardingSink()
        let context = WorkerContext(
            source: source,
            sequencer: Sequencer(writer: writer, output: sink, verification: verification, wakes: wakes),
            output: output, stream: stream, job: job, files: files.disk, backingFiles: files.backing, layout: layout,
            minimumZeroRun: minimumZeroRun, losses: losses, readsBack: verification != nil,
            slots: settings.chunksInFlight, rateLimiter: settings.rateLimit.map(RateLimiter.init(bytesPerSecond:)))
        job.whenStopped(
            (wakes + (stream.map { [$0.wake] } ?? [])).map { wake in { wake.signal() } }
                + context.exports.map { export in { export.control.interrupt() } })
        let streamThread = try stream.map { stream throws(ImageError) in try WorkerThread { stream.run() } }
        WorkerThread.run(wakes.count, job) { [wakes] in work($0, wakes[$0], context) }
        var sizes: [UInt64] = []
        do throws(ImageError) {
            try job.check()
            sizes = try context.sequencer.finish(virtualSize: lateSize())
        } catch {
            job.fail(error)
        }
        stream?.complete()
        streamThread?.join()
        try job.check()
        return sizes
    }

    private func makeStream(_ output: Output, workers: [WakeEvent]) throws(ImageError) -> OutputStream? {
        guard output.isStream else { return nil }
        return OutputStream(file: output.localFiles[0], job: job, wake: try Self.makeWakeEvent(), workers: workers)
    }

    /// The body of a worker's thread. The ring is made here because only its maker may submit to it.
    private func work(_ index: Int, _ wake: WakeEvent, _ context: WorkerContext) {
        do throws(ImageError) {
            let local = try makeLocalQueue(wake)
            var queue: any IOQueue = local
            let exports = context.exports
            if !exports.isEmpty {
                queue = NBDQueue(local: local, exports: exports, worker: index, wake: wake, job: job)
            }
            if let stream = context.stream { queue = StreamQueue(reads: queue, stream: stream, worker: index) }
            try Worker(index: index, queue: queue, context: context).run()
        } catch {
            job.fail(error)
        }
    }

    private func makeLocalQueue(_ wake: WakeEvent) throws(ImageError) -> any LocalQueue {
        guard settings.ioMode != .synchronous else { return SyncQueue(wake: wake) }
        do throws(SystemCallError) {
            return try RingQueue(wake: wake)
        } catch {
            let errno = Errno(rawValue: error.errno)
            guard settings.ioMode == .automatic else {
                throw ImageError(
                    .ringRefused, "the system refuses io_uring", advice: "--io auto or --io sync works without it",
                    errno: errno)
            }
            logger.debug("io_uring is refused, using pread and pwrite", metadata: ["errno": "\(errno)"])
            return SyncQueue(wake: wake)
        }
    }

    private static func makeWakeEvent() throws(ImageError) -> WakeEvent {
        do throws(SystemCallError) {
            return try WakeEvent()
        } catch {
            throw ImageError(.outputFailed, "can't \(error.attempt)", errno: Errno(rawValue: error.errno))
        }
    }
}
