import Digests
package import DiskImage
import Locking
import RingIO
import Synchronization
import SystemPackage

/// Compares files with the digests that a manifest demands, on a thread of its own while they are converted: what the
/// workers read is in the page cache for it, or the reverse.
package final class DigestCheck: Sendable {
    /// A file and what it must hash to.
    package typealias Expectation = (file: ImageFile, digest: ExpectedDigest)

    private let job: Job
    private let isFatal: Bool
    private let isStopped = Atomic(false)
    private let mismatches = Guarded([ImageError]())
    private let thread = Guarded(WorkerThread?.none)

    /// Bytes that are read and hashed at a time.
    private static let blockLength = 1 << 20

    /// Starts comparing.
    /// - Parameter isFatal: a mismatch stops the job; otherwise ``finish()`` tells.
    package init(_ expectations: [Expectation], job: Job, isFatal: Bool) throws(ImageError) {
        self.job = job
        self.isFatal = isFatal
        guard !expectations.isEmpty else { return }
        let started = try WorkerThread { [self] in run(expectations) }
        thread.withLock { $0 = started }
    }

    /// Waits until every file has been compared.
    /// - Returns: the mismatches.
    /// - Throws: what made the job fail, a mismatch included.
    package func finish() throws(ImageError) -> [ImageError] {
        join()
        try job.check()
        return mismatches.withLock { $0 }
    }

    /// Ends comparing, done or not.
    package func stop() {
        isStopped.store(true, ordering: .relaxed)
        join()
    }

    private func join() {
        let running = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        running?.join()
    }

    private func run(_ expectations: [Expectation]) {
        do throws(ImageError) {
            let block = try Self.makeBlock()
            for expectation in expectations {
                guard let mismatch = unsafe try compare(expectation, block.bytes) else { continue }
                mismatches.withLock { $0.append(mismatch) }
                if isFatal { return job.fail(mismatch) }
            }
        } catch {
            job.fail(error)
        }
    }

    /// - Returns: the error to report; nil if the digest is right, or if comparing was stopped.
    private func compare(
        _ expectation: Expectation, _ block: UnsafeMutableRawBufferPointer
    ) throws(ImageError) -> ImageError? {
        let stream = FileStream(expectation.file)
        let digester = Digester(expectation.digest.algorithm)
        while true {
            if isStopped.load(ordering: .relaxed) || job.isStopped { return nil }
            // Safe: the block is this thread's, and what `read` has filled of it is hashed.
            let count = unsafe try stream.read(into: block)
            guard count > 0 else { break }
            unsafe digester.update(UnsafeRawBufferPointer(rebasing: block[..<count]))
        }
        let isRight = digester.finish() == expectation.digest
        return isRight ? nil : expectation.digest.mismatch(path: expectation.file.path)
    }

    private static func makeBlock() throws(ImageError) -> AlignedMemory {
        do throws(SystemCallError) {
            return try AlignedMemory(length: blockLength)
        } catch {
            throw ImageError(.outputFailed, "can't \(error.attempt)", errno: Errno(rawValue: error.errno))
        }
    }
}
