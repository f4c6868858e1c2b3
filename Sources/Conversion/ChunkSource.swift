import DiskImage

/// Where workers get their chunks from.
protocol ChunkSource: Sendable {
    /// Bytes of the disk, after the last chunk.
    var virtualSize: UInt64 { get }

    /// Puts the next chunk into `slot`, and the transfers that are still needed to read it.
    /// - Returns: false at the end of the disk.
    func claim(_ slot: inout Slot, reader: ChunkReader) throws(ImageError) -> Bool
}
