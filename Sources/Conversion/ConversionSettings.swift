import Glibc

/// How the engine works; nothing here changes the output.
package struct ConversionSettings: Sendable {
    package enum IOMode: Sendable {
        /// io_uring if the system allows it, else pread and pwrite.
        case automatic
        /// io_uring, or an error.
        case ring
        /// pread and pwrite.
        case synchronous
    }

    package var ioMode = IOMode.automatic
    /// Worker threads, 1 to ``maximumWorkers``.
    package var workers: Int
    /// Write past the page cache where the file allows it.
    package var usesDirectIO = true

    package var reflink = Reflink.automatic
    /// Chunks that a worker has in flight, 1 to ``maximumQueueDepth``; nil for what memory allows.
    package var queueDepth: Int?
    /// Bytes of the disk that are copied in a second at most; nil for no limit.
    package var rateLimit: UInt64?

    package static let maximumWorkers = 64
    package static let maximumQueueDepth = 64

    package init(workers: Int) {
        self.workers = workers
    }

    /// The unit of work: bytes of virtual disk, aligned. Transfers of 1 to 2 MiB reach the bandwidth of the device at a
    /// quarter of the processor time that 64 KiB take, and 2 MiB hold the largest qcow2 cluster. It must not depend on
    /// anything: packed output is laid out chunk by chunk.
    package static let chunkSize = 2 << 20

    /// Chunks that a worker has in flight. 2 workers × 4 × 2 MiB keep a device busy that delivers 1.4 GB/s at 10 ms.
    /// With many workers fewer, so that all buffers together stay below ``memoryBudget``.
    package var chunksInFlight: Int {
        queueDepth ?? min(4, max(2, Self.memoryBudget / (workers * Self.slotMemory)))
    }

    /// Memory for buffers, in bytes, of the 128 MiB a conversion may take.
    private static let memoryBudget = 80 << 20
    /// What a chunk in flight may really touch: data, compressed input and compressed output.
    private static let slotMemory = 3 * chunkSize

    /// Processors that are online.
    package static var processors: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }

    /// As many workers as processors, up to what the memory budget feeds.
    package static func defaultWorkers(processors: Int) -> Int {
        max(1, min(processors, memoryBudget / (2 * slotMemory)))
    }
}
