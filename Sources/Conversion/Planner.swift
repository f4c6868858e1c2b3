import ByteLayout
import DiskImage
import Locking

/// Cuts the disk into chunks. Workers take the next one under a lock, once every 2 MiB.
package final class Planner: ChunkSource {
    private struct State {
        var source: CopySource
        var position: UInt64 = 0
        var sequence: UInt64 = 0
    }

    private let state: Guarded<State>
    let virtualSize: UInt64
    /// Whether chunks without data are handed out too, because zeros are to be written.
    private let includesHoles: Bool

    package init(_ source: sending CopySource, includesHoles: Bool) {
        virtualSize = source.virtualSize
        self.includesHoles = includesHoles
        state = Guarded(State(source: source))
    }

    func claim(_ slot: inout Slot, reader: ChunkReader) throws(ImageError) -> Bool {
        guard let chunk = try next() else { return false }
        slot.chunk = chunk
        try reader.plan(&slot)
        return true
    }

    /// The next chunk that has anything to copy, nil at the end of the disk.
    func next() throws(ImageError) -> Chunk? {
        // `withLock` rethrows our error type.
        try state.withLock { state throws(ImageError) in
            while state.position < virtualSize {
                if !includesHoles, try Self.skipHole(&state, virtualSize: virtualSize) { continue }
                let chunk = try Self.chunk(&state, virtualSize: virtualSize)
                if includesHoles || chunk.copiedLength > 0 {
                    state.sequence += 1
                    return chunk
                }
            }
            return nil
        }
    }

    /// Passes over the chunks from the position on that lie in one hole, or one run that needs no copy.
    /// - Returns: whether there was one.
    private static func skipHole(_ state: inout State, virtualSize: UInt64) throws(ImageError) -> Bool {
        let rest = virtualSize - state.position
        // How far stored data goes is not asked beyond the chunk: to tell it may take a look at every block of the disk.
        let length = min(UInt64(ConversionSettings.chunkSize), rest)
        let first = try state.source.run(at: state.position, limit: length)
        guard first.isSpared, first.length == length else { return false }
        let end = state.position + max(length, try state.source.run(at: state.position, limit: rest).length)
        // The chunk in which the hole ends starts with the rest of it.
        state.position = end == virtualSize ? end : end.alignedDown(to: UInt64(ConversionSettings.chunkSize))
        return true
    }

    private static func chunk(_ state: inout State, virtualSize: UInt64) throws(ImageError) -> Chunk {
        let start = state.position
        state.position = start + min(UInt64(ConversionSettings.chunkSize), virtualSize - start)
        return try state.source.chunk(start..<state.position, sequence: state.sequence)
    }
}
