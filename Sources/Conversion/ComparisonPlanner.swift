import ByteLayout
import DiskImage
import Locking
import Synchronization

/// Walks two maps side by side, hands out what must be read and compared, and keeps what was found first on the disk.
///
/// Steps are handed out in the order of the disk, and none after something was found. So whatever lies before it has been
/// handed out and will be compared: the result does not depend on timing.
final class ComparisonPlanner: Sendable {
    /// The same range of both disks.
    struct Step: Sendable {
        var first: Chunk
        var second: Chunk
    }

    private struct State {
        var first: any DiskMap
        var second: any DiskMap
        var position: UInt64 = 0
        var finding: (offset: GuestOffset, result: Result<Comparison.Difference, ImageError>)?
    }

    private let state: Guarded<State>
    private let size: UInt64
    /// Where the smaller disk ends: behind it nothing is allocated, and that is no difference.
    private let sharedSize: UInt64
    private let comparesAllocation: Bool
    private let job: Job

    init(_ first: sending any DiskMap, _ second: sending any DiskMap, comparesAllocation: Bool, job: Job) {
        size = max(first.virtualSize, second.virtualSize)
        sharedSize = min(first.virtualSize, second.virtualSize)
        self.comparesAllocation = comparesAllocation
        self.job = job
        state = Guarded(State(first: first, second: second))
        job.begin(.copying, total: size)
    }

    /// The next range to compare; nil at the end of the disks, or if a difference or an error is known.
    func next() -> Step? {
        state.withLock { state in
            do throws(ImageError) {
                return try nextStep(&state)
            } catch {
                Self.note(.failure(error), at: GuestOffset(state.position), &state)
                return nil
            }
        }
    }

    /// Records what was found in the step that starts at `offset`.
    func found(_ result: Result<Comparison.Difference, ImageError>, at offset: GuestOffset) {
        state.withLock { Self.note(result, at: offset, &$0) }
    }

    /// What was found first on the disk.
    func result() throws(ImageError) -> Comparison.Difference? {
        try state.withLock { $0.finding }?.result.get()
    }

    private static func note(
        _ result: Result<Comparison.Difference, ImageError>, at offset: GuestOffset, _ state: inout State
    ) {
        if let known = state.finding, known.offset <= offset { return }
        state.finding = (offset, result)
    }

    private func nextStep(_ state: inout State) throws(ImageError) -> Step? {
        while state.position < size, state.finding == nil {
            let start = state.position
            let first = try state.first.extentOrEnd(at: start, limit: size - start)
            let second = try state.second.extentOrEnd(at: start, limit: size - start)
            if comparesAllocation, start < sharedSize, !first.isAllocated(like: second) {
                Self.note(.success(.allocation(GuestOffset(start))), at: GuestOffset(start), &state)
                return nil
            }
            let shared = min(first.length, second.length)
            if first.isSame(as: second, state.first.files, state.second.files) {
                state.position += shared
                job.copiedBytes.add(shared, ordering: .relaxed)
                continue
            }
            let chunk = UInt64(ConversionSettings.chunkSize)
            var end = min(start.alignedDown(to: chunk) + chunk, size)
            // Every run's allocation must be looked at.
            if comparesAllocation { end = min(end, start + shared) }
            state.position = end
            return Step(
                first: Self.chunk(start, try state.first.extents(start..<end)),
                second: Self.chunk(start, try state.second.extents(start..<end)))
        }
        return nil
    }

    private static func chunk(_ start: UInt64, _ extents: [Extent]) -> Chunk {
        let length = extents.reduce(0) { $0 + Int($1.length) }
        return Chunk(sequence: 0, offset: GuestOffset(start), length: length, extents: extents)
    }
}

extension Extent {
    /// Whether both runs are allocated in the same way, as far as `qemu-img compare -s` looks at it.
    fileprivate func isAllocated(like other: Extent) -> Bool {
        isPresent == other.isPresent && isData == other.isData && (content == .zero) == (other.content == .zero)
            && (place == nil) == (other.place == nil)
    }
}
