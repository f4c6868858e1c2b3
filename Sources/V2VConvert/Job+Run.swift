import Conversion
import DiskImage
import Locking

extension Job {
    /// Runs `work` on a thread of its own, for it blocks. Cancelling the task stops the job.
    /// - Parameter progress: called about four times a second, from one task at a time, and once at the end.
    static func run<Value: Sendable>(
        progress: (@Sendable (ConversionProgress) -> Void)?,
        _ work: @escaping @Sendable (Job) throws(ImageError) -> Value
    ) async throws -> Value {
        let job = Job()
        return try await withTaskCancellationHandler {
            try await withThrowingTaskGroup(of: Void.self) { group in
                if let progress {
                    group.addTask {
                        while !Task.isCancelled {
                            progress(job.progress)
                            try? await Task.sleep(for: .milliseconds(250))
                        }
                    }
                }
                defer { group.cancelAll() }
                let value = try await detached { () throws(ImageError) in try work(job) }
                group.cancelAll()
                try await group.waitForAll()
                progress?(job.progress)
                return value
            }
        } onCancel: {
            job.cancel()
        }
    }

    private static func detached<Value: Sendable>(
        _ work: @escaping @Sendable () throws(ImageError) -> Value
    ) async throws -> Value {
        // The result goes through a lock of ours: how Swift's runtime orders the two threads ThreadSanitizer does not see.
        let result = Guarded(Result<Value, ImageError>?.none)
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            do throws(ImageError) {
                try WorkerThread.detach {
                    let ended = Result(catching: work)
                    result.withLock { $0 = ended }
                    continuation.resume()
                }
            } catch {
                continuation.resume(throwing: error)
            }
        }
        guard let ended = result.withLock({ $0 }) else { preconditionFailure("the thread ended without a result") }
        return try ended.get()
    }
}
