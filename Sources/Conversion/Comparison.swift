package import DiskImage
import Glibc
import Synchronization
import SystemPackage

/// Compares the contents of two disks. What both know to be zero, and what is the same place of the same file, is not
/// read.
package struct Comparison {
    /// Where two disks differ first.
    package enum Difference: Sendable, Equatable {
        /// A byte.
        case content(GuestOffset)
        /// The start of a run that is allocated in one way on the one disk and in another way on the other.
        case allocation(GuestOffset)
    }

    private let planner: ComparisonPlanner
    private let files: (first: [ImageFile], second: [ImageFile])
    private let job: Job

    /// - Parameter comparesAllocation: a difference in which runs are allocated is one too.
    package init(
        _ first: sending any DiskMap, _ second: sending any DiskMap, comparesAllocation: Bool, job: Job
    ) {
        files = (first.files, second.files)
        self.job = job
        planner = ComparisonPlanner(first, second, comparesAllocation: comparesAllocation, job: job)
    }

    /// Compares, with `workers` threads that read and inflate.
    /// - Returns: the first difference on the disk, whatever the threads find first; nil if there is none.
    /// - Throws: what went wrong before the first difference.
    package func run(workers: Int) throws(ImageError) -> Difference? {
        WorkerThread.run(workers, job) { _ in work() }
        try job.check()
        return try planner.result()
    }

    /// How many threads pay: each waits for its own reads, and holds the chunks of two disks.
    package static func workers(processors: Int) -> Int { min(8, 2 * processors) }

    /// The body of a thread.
    private func work() {
        do throws(ImageError) {
            let first = try ContentReader(files: files.first)
            let second = try ContentReader(files: files.second)
            while !job.isStopped, let step = planner.next() { compare(step, first, second) }
        } catch {
            job.fail(error)
        }
    }

    private func compare(_ step: ComparisonPlanner.Step, _ first: ContentReader, _ second: ContentReader) {
        do throws(ImageError) {
            let bytes = (unsafe try first.read(step.first), unsafe try second.read(step.second))
            // Safe: both have the length of the step.
            guard let index = unsafe Self.firstDifference(bytes.0, bytes.1) else {
                job.copiedBytes.add(UInt64(step.first.length), ordering: .relaxed)
                return
            }
            planner.found(.success(.content(step.first.offset + UInt64(index))), at: step.first.offset)
        } catch {
            planner.found(.failure(error), at: step.first.offset)
        }
    }

    /// The index of the first byte in which two buffers of the same length differ.
    static func firstDifference(_ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer) -> Int? {
        let block = 4096
        for start in stride(from: 0, to: first.count, by: block) {
            let end = min(start + block, first.count)
            // Safe: `start..<end` lies in both buffers.
            let isEqual = unsafe memcmp(
                first.baseAddress.unsafelyUnwrapped + start, second.baseAddress.unsafelyUnwrapped + start, end - start)
            if isEqual != 0 { return (start..<end).first { unsafe first[$0] != second[$0] } }
        }
        return nil
    }
}
