import Glibc
import Locking

/// Spreads the copying of chunks over time, so that others get something of the device or the network too. What a slow
/// moment has left unused is not made up for later.
final class RateLimiter: Sendable {
    private let bytesPerSecond: UInt64
    /// When the next chunk may start.
    private let next = Guarded(ContinuousClock.now)

    /// The longest that a thread sleeps before it looks again at whether the job was stopped, in microseconds.
    private static let step: Double = 100_000

    init(bytesPerSecond: UInt64) {
        self.bytesPerSecond = bytesPerSecond
    }

    /// Waits until a chunk of `count` bytes may start, or `job` is stopped.
    func wait(for count: UInt64, _ job: Job) {
        let start = next.withLock { next in
            let start = max(next, .now)
            next = start + .seconds(Double(count) / Double(bytesPerSecond))
            return start
        }
        while !job.isStopped, case let rest = (start - .now) / .microseconds(1), rest > 0 {
            usleep(UInt32(min(rest.rounded(.up), Self.step)))
        }
    }
}
