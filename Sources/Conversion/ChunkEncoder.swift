import ByteLayout
import Compression
import DiskImage

/// Finds the zero units of a chunk and packs or compresses the others.
struct ChunkEncoder {
    let layout: WriterLayout
    /// Shortest run of zeros that is not stored, in bytes; 0 to store everything.
    private let minimumZeroRun: Int
    private let encoder: (any UnitEncoder)?

    init(layout: WriterLayout, minimumZeroRun: Int) {
        self.layout = layout
        // Runs are looked for within a chunk.
        self.minimumZeroRun = min(minimumZeroRun, ConversionSettings.chunkSize)
        encoder = layout.encoding?.makeEncoder()
    }

    /// Encodes the chunk whose bytes are at the start of `data`.
    ///
    /// Packed plain units move to the start of `data`, compressed ones go to the start of `encoded`.
    func encode(
        offset: GuestOffset, length: Int, data: UnsafeMutableRawBufferPointer, encoded: UnsafeMutableRawBufferPointer
    ) -> EncodedChunk {
        var chunk = EncodedChunk(offset: offset, length: UInt64(length))
        let unit = layout.unitSize
        let count = (length + unit - 1) / unit
        // Safe: here and below, `data` holds a whole chunk, which is a multiple of the unit; `encoded` holds as many
        // units as a chunk has, each as long as the encoding allows.
        unsafe UnsafeMutableRawBufferPointer(rebasing: data[length..<count * unit]).zero()
        unsafe classify(UnsafeRawBufferPointer(data), count: count, in: &chunk)
        if layout.keepsOffsets {
            chunk.plainCount = chunk.units.count { $0 == .plain }
        } else {
            unsafe pack(&chunk, data: data, encoded: encoded)
        }
        if layout.hasChecksums {
            let stored = layout.keepsOffsets ? length : chunk.plainCount * unit
            unsafe chunk.checksum = CRC32.checksum(UnsafeRawBufferPointer(rebasing: data[..<stored]))
            unsafe chunk.checksum = CRC32.checksum(
                UnsafeRawBufferPointer(rebasing: encoded[..<chunk.compressedLength]), continuing: chunk.checksum)
        }
        return chunk
    }

    /// Compresses units and brings together those that remain plain.
    private func pack(
        _ chunk: inout EncodedChunk, data: UnsafeMutableRawBufferPointer, encoded: UnsafeMutableRawBufferPointer
    ) {
        let unit = layout.unitSize
        for index in chunk.units.indices where chunk.units[index] == .plain {
            let source = unsafe UnsafeMutableRawBufferPointer(rebasing: data[index * unit..<(index + 1) * unit])
            let start = chunk.compressedLength
            if let encoder, let encoding = layout.encoding,
                let compressed = unsafe encoder.encode(
                    UnsafeRawBufferPointer(source), at: chunk.offset + UInt64(index * unit),
                    into: UnsafeMutableRawBufferPointer(
                        rebasing: encoded[start..<start + encoding.limit(forUnit: unit)]))
            {
                chunk.units[index] = .compressed(offset: Int32(start), length: Int32(compressed))
                let end = start + max(compressed, layout.compressedSpacing)
                unsafe UnsafeMutableRawBufferPointer(rebasing: encoded[start + compressed..<end]).zero()
                chunk.compressedLength = end
            } else {
                if chunk.plainCount != index {
                    let target = chunk.plainCount * unit
                    unsafe UnsafeMutableRawBufferPointer(rebasing: data[target..<target + unit])
                        .copyMemory(from: UnsafeRawBufferPointer(source))
                }
                chunk.plainCount += 1
            }
        }
    }

    /// Makes every unit `zero` or `plain`, and tells which of their subunits are zero.
    private func classify(_ data: UnsafeRawBufferPointer, count: Int, in chunk: inout EncodedChunk) {
        let subunits = layout.subunitsPerUnit
        let isZero = unsafe zeroRuns(data, count: count * subunits, size: layout.unitSize / subunits)
        guard subunits > 1 else {
            chunk.units = isZero.map { $0 ? .zero : .plain }
            return
        }
        for start in stride(from: 0, to: isZero.count, by: subunits) {
            var mask: UInt32 = 0
            for index in 0..<subunits where !isZero[start + index] { mask |= 1 << UInt32(index) }
            chunk.subunits.append(mask)
            chunk.units.append(mask == 0 ? .zero : .plain)
        }
    }

    /// Which of `count` parts of `size` bytes belong to runs of zeros that are long enough not to be stored.
    private func zeroRuns(_ data: UnsafeRawBufferPointer, count: Int, size: Int) -> [Bool] {
        var zeros = [Bool](repeating: false, count: count)
        guard minimumZeroRun > 0 else { return zeros }
        let minimumCount = (minimumZeroRun + size - 1) / size
        var run = 0
        for index in 0...count {
            if index < count,
                unsafe ZeroScan.isZero(UnsafeRawBufferPointer(rebasing: data[index * size..<(index + 1) * size]))
            {
                run += 1
                continue
            }
            if run >= minimumCount { for zero in index - run..<index { zeros[zero] = true } }
            run = 0
        }
        return zeros
    }
}

extension UnsafeMutableRawBufferPointer {
    /// Sets every byte to zero.
    func zero() {
        // Safe: stays inside the buffer.
        if unsafe !isEmpty { unsafe _ = initializeMemory(as: UInt8.self, repeating: 0) }
    }
}
