package import DiskImage
import Locking
package import RingIO

/// Places chunks in the order of the disk, whatever the order in which workers finish encoding them.
///
/// The reorder window is bounded: a worker holds a slot for every chunk it has taken and not yet written.
package final class Sequencer: Sendable {
    /// A chunk that has its place.
    package struct Placed: Sendable {
        package var slot: Int
        package var placement: Placement
    }

    private struct Offer {
        var chunk: EncodedChunk
        var worker: Int
        var slot: Int
    }

    private struct State {
        var writer: any ImageWriter
        var next: UInt64 = 0
        var waiting: [UInt64: Offer] = [:]
        /// Placed chunks that their workers have not yet fetched, by worker.
        var placed: [[Placed]]
    }

    private let state: Guarded<State>
    private let output: any OutputSink & Sendable
    /// Learns the places of everything; nil if they are not compared.
    private let verification: Verification?
    private let wakes: [WakeEvent]

    package init(
        writer: sending any ImageWriter, output: any OutputSink & Sendable, verification: Verification? = nil,
        wakes: [WakeEvent]
    ) {
        self.output = output
        self.verification = verification
        self.wakes = wakes
        let placed = [[Placed]](repeating: [], count: wakes.count)
        state = Guarded(State(writer: writer, placed: placed))
    }

    /// Hands in an encoded chunk; it and those that waited for it are placed if it is the next one.
    package func offer(_ chunk: EncodedChunk, sequence: UInt64, worker: Int, slot: Int) throws(ImageError) {
        var others: Set<Int> = []
        try state.withLock { state throws(ImageError) in
            state.waiting[sequence] = Offer(chunk: chunk, worker: worker, slot: slot)
            while let offer = state.waiting.removeValue(forKey: state.next) {
                let placement = try state.writer.place(offer.chunk, output: output)
                verification?.placed(offer.chunk, placement)
                state.placed[offer.worker].append(Placed(slot: offer.slot, placement: placement))
                if offer.worker != worker { others.insert(offer.worker) }
                state.next += 1
            }
        }
        for other in others { wakes[other].signal() }
    }

    /// The chunks of `worker` that have been placed since it last asked.
    package func takePlaced(worker: Int) -> [Placed] {
        state.withLock { state in
            defer { state.placed[worker].removeAll() }
            return state.placed[worker]
        }
    }

    /// Completes the output's tables, after every chunk has been placed and written.
    /// - Parameter virtualSize: bytes of the disk, if the writer, a ``LateSizeWriter``, does not know them yet.
    /// - Returns: the bytes of the finished files, by number.
    package func finish(virtualSize: UInt64? = nil) throws(ImageError) -> [UInt64] {
        try state.withLock { state throws(ImageError) in
            precondition(state.waiting.isEmpty, "a chunk was never placed")
            if let virtualSize { try (state.writer as? any LateSizeWriter)?.setVirtualSize(virtualSize) }
            return try state.writer.finish(output: output)
        }
    }
}
