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

    /// Bytes that are stored, not known to be zero.
    package var dataLength: UInt64 {
        extents.reduce(0) { $1.content == .zero ? $0 : $0 + $1.length }
    }
}
