import ByteLayout
package import DiskImage
import RingIO
import SystemPackage

/// Reads the content of a disk on the calling thread, a chunk at a time, in memory of its own.
package final class ContentReader {
    private let files: [ImageFile]
    private var reader: ChunkReader
    private let memory: AlignedMemory
    private var slot: Slot

    /// - Parameter files: those of the map whose extents will be read.
    package init(files: [ImageFile]) throws(ImageError) {
        self.files = files
        reader = ChunkReader(files: files, losses: nil)
        do throws(SystemCallError) {
            memory = try AlignedMemory(length: ConversionSettings.chunkSize + Slot.stagingLength)
        } catch {
            throw ImageError(.inputUnreadable, "can't \(error.attempt)", errno: Errno(rawValue: error.errno))
        }
        let bytes = unsafe memory.bytes
        let chunk = ConversionSettings.chunkSize
        // Safe: two disjoint parts of the memory, which lives as long as the slot; nothing is encoded.
        unsafe slot = Slot(
            data: UnsafeMutableRawBufferPointer(rebasing: bytes[..<chunk]),
            staging: UnsafeMutableRawBufferPointer(rebasing: bytes[chunk...]),
            encoded: UnsafeMutableRawBufferPointer(start: nil, count: 0))
    }

    /// The bytes of `chunk`, at most ``ConversionSettings/chunkSize``; they stay until the next call.
    package func read(_ chunk: Chunk) throws(ImageError) -> UnsafeRawBufferPointer {
        slot.chunk = chunk
        try reader.plan(&slot)
        return unsafe try readClaimed()
    }

    /// The `length` bytes of `map` from `offset`, at most ``ConversionSettings/chunkSize``; they stay until the next call.
    package func read(
        at offset: UInt64, length: Int, of map: any DiskMap
    ) throws(ImageError) -> UnsafeRawBufferPointer {
        let extents = try map.extents(offset..<offset + UInt64(length))
        return unsafe try read(
            Chunk(sequence: 0, offset: GuestOffset(offset), length: length, extents: extents))
    }

    /// Takes the next chunk of `source`, nil at the end of the disk.
    func claim(from source: any ChunkSource) throws(ImageError) -> Chunk? {
        try source.claim(&slot, reader: reader) ? slot.chunk : nil
    }

    /// The bytes of the chunk that was taken last; they stay until the next call.
    func readClaimed() throws(ImageError) -> UnsafeRawBufferPointer {
        for transfer in slot.transfers {
            guard case .source(let file) = transfer.endpoint else { continue }
            try unsafe files[file].read(at: transfer.offset, into: transfer.memory, what: "input")
        }
        try reader.decode(&slot)
        // Safe: the extents of the chunk have filled this part of the data.
        return unsafe UnsafeRawBufferPointer(rebasing: slot.data[..<(slot.chunk?.length ?? 0)])
    }

    /// The bytes `range` of `map`, at most ``ConversionSettings/chunkSize``.
    package func bytes(_ range: Range<UInt64>, of map: any DiskMap) throws(ImageError) -> [UInt8] {
        let chunk = Chunk(
            sequence: 0, offset: GuestOffset(range.lowerBound), length: range.count, extents: try map.extents(range))
        // Safe: the bytes are copied before the next call.
        return unsafe Array(try read(chunk))
    }

    /// Whether `range` of `map`, at most ``ConversionSettings/chunkSize`` bytes, is zero.
    package func isZero(_ range: Range<UInt64>, of map: any DiskMap) throws(ImageError) -> Bool {
        let extents = try map.extents(range)
        guard extents.contains(where: { $0.content != .zero }) else { return true }
        return unsafe ZeroScan.isZero(
            try read(
                Chunk(sequence: 0, offset: GuestOffset(range.lowerBound), length: range.count, extents: extents)))
    }
}
