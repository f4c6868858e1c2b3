import DiskImage

extension ChunkEncoder {
    /// The most that can be stored of `chunk`, told by its extents alone: what the maps don't know to be zero, or to be as
    /// the backing file has it, is stored, and no smaller than it is.
    func bound(_ chunk: Chunk) -> EncodedChunk {
        var bound = EncodedChunk(offset: chunk.offset, length: UInt64(chunk.length))
        let unit = layout.unitSize
        let size = unit / layout.subunitsPerUnit
        let count = (chunk.length + unit - 1) / unit
        let parts = count * layout.subunitsPerUnit
        let data = Self.parts(parts, size: size, withDataIn: chunk.extents)
        let below = Self.parts(parts, size: size, withDataIn: chunk.backing)
        let hasBacking = !chunk.backing.isEmpty
        classify(count: count, in: &bound) { range in
            !data[range.lowerBound / size]
        } isSame: { range in
            let part = range.lowerBound / size
            return hasBacking && !data[part] && !below[part]
        }
        pack(&bound)
        return bound
    }

    /// Which of `count` parts of `size` bytes have any data.
    private static func parts(_ count: Int, size: Int, withDataIn extents: [Extent]) -> [Bool] {
        var parts = [Bool](repeating: false, count: count)
        var position = 0
        for extent in extents {
            let end = position + Int(extent.length)
            if extent.content != .zero {
                for part in position / size..<min(count, (end + size - 1) / size) { parts[part] = true }
            }
            position = end
        }
        return parts
    }

    /// Tells how much room the stored units take. One that is no smaller when it is compressed is stored as it is, unless
    /// the format has none such.
    private func pack(_ chunk: inout EncodedChunk) {
        let limit = layout.encoding?.limit(forUnit: layout.unitSize) ?? 0
        for index in chunk.units.indices where chunk.units[index] == .plain {
            guard limit > layout.unitSize else {
                chunk.plainCount += 1
                continue
            }
            chunk.units[index] = .compressed(offset: Int32(chunk.compressedLength), length: Int32(limit))
            chunk.compressedLength += limit
        }
    }
}
