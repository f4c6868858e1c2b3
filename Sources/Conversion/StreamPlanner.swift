import ByteLayout
import DiskImage
import Locking
import Synchronization

/// Cuts a stream into chunks. The worker whose turn it is reads its chunk under the lock; meanwhile the others decode and
/// encode theirs.
final class StreamPlanner: ChunkSource {
    private struct State {
        var stream: any DiskStream
        /// What the stream has said to come next, and not been read.
        var coming: StreamedExtent?
        var isAtEnd = false
        /// What lies before this byte of the disk has been handed out.
        var position: UInt64 = 0
        var sequence: UInt64 = 0
    }

    private let state: Guarded<State>
    private let job: Job
    /// Whether chunks without data are handed out too, because zeros are to be written.
    private let includesHoles: Bool

    private static let chunkSize = UInt64(ConversionSettings.chunkSize)

    init(stream: sending any DiskStream, includesHoles: Bool, job: Job) {
        precondition(Self.chunkSize == StreamedExtent.window, "extents of streams must fit into chunks")
        state = Guarded(State(stream: stream))
        self.includesHoles = includesHoles
        self.job = job
    }

    var virtualSize: UInt64 {
        state.withLock { $0.stream.virtualSize ?? $0.position }
    }

    func claim(_ slot: inout Slot, reader: ChunkReader) throws(ImageError) -> Bool {
        try state.withLock { state throws(ImageError) in
            try job.check()
            try peek(&state)
            let size = state.stream.virtualSize
            var start = state.position
            if let coming = state.coming {
                if !includesHoles { start = coming.offset.bytes.alignedDown(to: Self.chunkSize) }
            } else {
                guard includesHoles, start < size ?? 0 else { return false }
            }
            let window = start..<min(start + Self.chunkSize, size ?? .max)
            state.position = start
            slot.transfers.removeAll(keepingCapacity: true)
            slot.stagedRanges.removeAll(keepingCapacity: true)
            var assembly = ChunkAssembly(window: window)
            try read(&state, into: &slot, &assembly, upTo: window.upperBound)
            let extents = try assembly.finish(&slot, hasEnd: size != nil, stream: state.stream)
            let length = extents.reduce(0) { $0 + $1.length }
            guard length > 0 else { return false }
            var chunk = Chunk(
                sequence: state.sequence, offset: GuestOffset(start), length: Int(length), extents: extents)
            chunk.copiedLength = extents.reduce(0) { $1.content == .zero ? $0 : $0 + $1.length }
            slot.chunk = chunk
            state.position = start + length
            state.sequence += 1
            return true
        }
    }

    /// Reads the extents that start before `end` of the disk.
    private func read(
        _ state: inout State, into slot: inout Slot, _ assembly: inout ChunkAssembly, upTo end: UInt64
    ) throws(ImageError) {
        while let coming = state.coming, coming.offset.bytes < end {
            let count = try assembly.receive(coming, from: state.stream, into: &slot)
            job.readBytes.add(UInt64(count), ordering: .relaxed)
            state.coming = nil
            // Only a disk whose size is not known before ends so.
            if count < coming.storedLength { state.isAtEnd = true }
            try peek(&state)
        }
    }

    /// Makes sure that `coming` is what comes, if anything does.
    private func peek(_ state: inout State) throws(ImageError) {
        guard state.coming == nil, !state.isAtEnd else { return }
        state.coming = try state.stream.next()
        state.isAtEnd = state.coming == nil
        guard let coming = state.coming, coming.offset.bytes < state.position else { return }
        throw ImageError(
            .inputUnsupported,
            "the data is not in the order of the disk: byte \(coming.offset.bytes) comes behind byte \(state.position)",
            advice: "save it to a file and convert that", path: state.stream.path)
    }
}
