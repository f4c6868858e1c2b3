import DiskImage

/// A chunk that is being read from a stream into a slot.
struct ChunkAssembly {
    private struct Part {
        /// Where it starts in the chunk.
        var start: Int
        var extent: Extent
        /// Where its stored bytes are in the slot's staging memory, if it is compressed.
        var staged: Range<Int>

        var end: Int { start + Int(extent.length) }
    }

    /// The place of the chunk on the disk; without its end if only the stream's end will tell.
    private let window: Range<UInt64>
    private var parts: [Part] = []

    init(window: Range<UInt64>) {
        self.window = window
    }

    /// Reads `coming`, which starts in the window, from `stream`.
    /// - Returns: bytes read.
    mutating func receive(
        _ coming: StreamedExtent, from stream: any DiskStream, into slot: inout Slot
    ) throws(ImageError) -> Int {
        precondition(coming.end <= window.upperBound, "an extent of a stream crosses the end of a chunk")
        var part = Part(start: Int(coming.offset.bytes - window.lowerBound), extent: coming.extent, staged: 0..<0)
        guard case .compressed = coming.extent.content else {
            // Safe: the part lies in the chunk, for which the data has room.
            let target = unsafe UnsafeMutableRawBufferPointer(rebasing: slot.data[part.start..<part.end])
            let count = unsafe try stream.read(into: target)
            part.extent.length = UInt64(count)
            if count > 0 { parts.append(part) }
            return count
        }
        let free = parts.reduce(0) { max($0, $1.staged.upperBound) }
        part.staged = free..<free + coming.storedLength
        guard unsafe part.staged.upperBound <= slot.staging.count else {
            throw damaged("compressed data takes several times the space of what it holds", at: coming, in: stream)
        }
        // Safe: just checked.
        unsafe _ = try stream.read(into: UnsafeMutableRawBufferPointer(rebasing: slot.staging[part.staged]))
        parts.append(part)
        return coming.storedLength
    }

    /// Puts the chunk together: in the order of the disk, with zeros where nothing came.
    /// - Parameter hasEnd: whether the window ends where the disk does; otherwise the disk ends with the last part.
    /// - Returns: the extents.
    mutating func finish(_ slot: inout Slot, hasEnd: Bool, stream: any DiskStream) throws(ImageError) -> [Extent] {
        parts.sort { $0.start < $1.start }
        var extents: [Extent] = []
        var position = 0
        func fill(upTo end: Int) {
            guard end > position else { return }
            // Safe: inside the chunk.
            unsafe UnsafeMutableRawBufferPointer(rebasing: slot.data[position..<end]).zero()
            extents.append(Extent(length: UInt64(end - position), content: .zero))
        }
        for part in parts {
            guard part.start >= position else {
                throw ImageError(
                    .inputDamaged,
                    "two parts of the data belong to one place of the disk: byte "
                        + "\(window.lowerBound + UInt64(part.start))", path: stream.path)
            }
            fill(upTo: part.start)
            extents.append(part.extent)
            if !part.staged.isEmpty { slot.stagedRanges.append(part.staged) }
            position = part.end
        }
        if hasEnd { fill(upTo: window.count) }
        return extents
    }

    private func damaged(_ message: String, at coming: StreamedExtent, in stream: any DiskStream) -> ImageError {
        var offset: UInt64?
        if case .compressed(let unit) = coming.extent.content { offset = unit.offset.bytes }
        return ImageError(.inputDamaged, message, path: stream.path, offset: offset)
    }
}
