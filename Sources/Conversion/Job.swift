package import DiskImage
import Locking
package import Synchronization

/// What all threads of a conversion share: the first failure, and counters.
package final class Job: Sendable {
    private let failure = Guarded(ImageError?.none)
    private let stopped = Atomic<Bool>(false)
    private let stopActions = Guarded([@Sendable () -> Void]())
    private let phaseNumber = Atomic<Int>(0)
    /// Bytes to copy; ``unknownTotal`` if they are not known.
    private let totalBytes = Atomic<UInt64>(unknownTotal)
    private static let unknownTotal = UInt64.max
    package let copiedBytes = Atomic<UInt64>(0)
    package let readBytes = Atomic<UInt64>(0)
    package let writtenBytes = Atomic<UInt64>(0)
    package let sharedBytes = Atomic<UInt64>(0)
    package let storedBytes = Atomic<UInt64>(0)

    package init() {}

    /// Whether something failed or the conversion was cancelled.
    package var isStopped: Bool { stopped.load(ordering: .acquiring) }

    /// Records `error`, if it is the first, and makes every worker stop.
    package func fail(_ error: ImageError) {
        failure.withLock { if $0 == nil { $0 = error } }
        stopped.store(true, ordering: .releasing)
        for action in stopActions.withLock({ $0 }) { action() }
    }

    /// Makes every worker stop; the conversion ends with code `cancelled`.
    package func cancel() {
        fail(ImageError(.cancelled, "the conversion was cancelled"))
    }

    /// Throws the first failure, if there is one.
    package func check() throws(ImageError) {
        if let error = failure.withLock({ $0 }) { throw error }
    }

    /// Does `actions` on failure: they end what threads wait for.
    func whenStopped(_ actions: [@Sendable () -> Void]) {
        stopActions.withLock { $0 = actions }
        if isStopped { for action in actions { action() } }
    }

    /// Starts `phase`, with `total` bytes to copy, nil if that is not known.
    package func begin(_ phase: ConversionProgress.Phase, total: UInt64?) {
        totalBytes.store(total ?? Self.unknownTotal, ordering: .relaxed)
        phaseNumber.store(phase.number, ordering: .releasing)
    }

    /// How far the conversion is.
    package var progress: ConversionProgress {
        let phase = ConversionProgress.Phase(number: phaseNumber.load(ordering: .acquiring))
        let total = totalBytes.load(ordering: .relaxed)
        // A source that is being written to may turn out to have more data than it had when it was mapped.
        let done = min(copiedBytes.load(ordering: .relaxed), total)
        return ConversionProgress(
            phase: phase, bytesDone: done, bytesTotal: total == Self.unknownTotal ? nil : total)
    }
}
