import ByteLayout
package import DiskImage

/// Cuts the map into chunks. Workers take the next one under a lock, once every 2 MiB.
package final class Planner: Sendable {
    private struct State {
        var map: any DiskMap
        var position: UInt64 = 0
        var sequence: UInt64 = 0
    }

    private let state: Guarded<State>
    private let virtualSize: UInt64
    /// Whether chunks without data are handed out too, because zeros are to be written.
    private let includesHoles: Bool

    package init(map: sending any DiskMap, includesHoles: Bool) {
        virtualSize = map.virtualSize
        self.includesHoles = includesHoles
        state = Guarded(State(map: map))
    }

    /// The next chunk that has anything to copy, nil at the end of the disk.
    func next() throws(ImageError) -> Chunk? {
        // `withLock` rethrows our error type.
        try state.withLock { state throws(ImageError) in
            while state.position < virtualSize {
                if !includesHoles {
                    let rest = virtualSize - state.position
                    let first = try state.map.extent(at: GuestOffset(state.position), limit: rest)
                    if first.content == .zero {
                        // Skip whole chunks of the hole; the chunk in which it ends starts with the rest of it.
                        let end = state.position + first.length
                        let skippable =
                            end == virtualSize ? end : end.alignedDown(to: UInt64(ConversionSettings.chunkSize))
                        if skippable > state.position {
                            state.position = skippable
                            continue
                        }
                    }
                }
                let chunk = try Self.chunk(&state, virtualSize: virtualSize)
                if includesHoles || chunk.dataLength > 0 {
                    state.sequence += 1
                    return chunk
                }
            }
            return nil
        }
    }

    private static func chunk(_ state: inout State, virtualSize: UInt64) throws(ImageError) -> Chunk {
        let start = state.position
        state.position = start + min(UInt64(ConversionSettings.chunkSize), virtualSize - start)
        return Chunk(
            sequence: state.sequence, offset: GuestOffset(start), length: Int(state.position - start),
            extents: try state.map.extents(start..<state.position))
    }
}
