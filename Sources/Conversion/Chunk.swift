package import DiskImage

/// A window of the virtual disk, ``ConversionSettings/chunkSize`` long (less at the end) and aligned to that.
package struct Chunk: Sendable {
    /// Chunks are numbered without gaps in the order of the disk.
    package var sequence: UInt64
    package var offset: GuestOffset
    /// Bytes of virtual disk.
    package var length: Int
    /// The extents that cover it, in order.
    package var extents: [Extent]
    /// What the output's backing file has there, up to the end of its last sector; empty if there is none.
    package var backing: [Extent] = []
    /// Bytes that must be looked at: not known to be zero, or to be what the backing file has.
    package var copiedLength: UInt64 = 0

    /// What the backing file has, as a chunk of its own.
    var backingChunk: Chunk? {
        guard !backing.isEmpty else { return nil }
        let length = backing.reduce(0) { $0 + Int($1.length) }
        return Chunk(sequence: sequence, offset: offset, length: length, extents: backing)
    }
}
