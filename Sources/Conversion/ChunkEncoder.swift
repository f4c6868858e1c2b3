import ByteLayout
import Compression
import DiskImage
import Glibc

/// Finds the units of a chunk that are zero or as the backing file has them, and packs or compresses the others.
struct ChunkEncoder {
    let layout: WriterLayout
    /// Shortest run of zeros that is not stored, in bytes; 0 to store everything.
    private let minimumZeroRun: Int
    private let encoder: (any UnitEncoder)?
    /// Inflates what was compressed, to compare it; nil to trust the encoder.
    private let decoder: UnitDecoder?

    /// - Parameter verifies: inflate what was compressed, and compare it.
    init(layout: WriterLayout, minimumZeroRun: Int, verifies: Bool = false) {
        self.layout = layout
        // Runs are looked for within a chunk.
        self.minimumZeroRun = min(minimumZeroRun, ConversionSettings.chunkSize)
        encoder = layout.encoding?.makeEncoder()
        decoder = verifies && encoder != nil ? UnitDecoder() : nil
    }

    /// Encodes the chunk whose bytes are at the start of `data`.
    ///
    /// Packed plain units move to the start of `data`, compressed ones go to the start of `encoded`.
    /// - Parameters:
    ///   - backing: what the backing file has there, to the end of the last sector; nil if there is none.
    ///   - scratch: room for a unit, if what was compressed is inflated to compare it.
    /// - Throws: `outputFailed` if it is something else then.
    func encode(
        offset: GuestOffset, length: Int, data: UnsafeMutableRawBufferPointer, backing: UnsafeRawBufferPointer? = nil,
        encoded: UnsafeMutableRawBufferPointer, scratch: UnsafeMutableRawBufferPointer
    ) throws(ImageError) -> EncodedChunk {
        var chunk = EncodedChunk(offset: offset, length: UInt64(length))
        let unit = layout.unitSize
        let count = (length + unit - 1) / unit
        // Safe: here and below, `data` holds a whole chunk, which is a multiple of the unit; `encoded` holds as many
        // units as a chunk has, each as long as the encoding allows.
        unsafe UnsafeMutableRawBufferPointer(rebasing: data[length...]).zero()
        let bytes = UnsafeRawBufferPointer(data)
        classify(count: count, in: &chunk) { range in
            unsafe ZeroScan.isZero(UnsafeRawBufferPointer(rebasing: bytes[range]))
        } isSame: { range in
            if let backing = unsafe backing { unsafe Self.isSame(bytes, backing, range) } else { false }
        }
        if layout.keepsOffsets {
            chunk.plainCount = chunk.units.count { $0 == .plain }
        } else {
            try unsafe pack(&chunk, data: data, encoded: encoded, scratch: scratch)
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
        _ chunk: inout EncodedChunk, data: UnsafeMutableRawBufferPointer, encoded: UnsafeMutableRawBufferPointer,
        scratch: UnsafeMutableRawBufferPointer
    ) throws(ImageError) {
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
                if let decoder {
                    let isRight = unsafe decoder.gives(
                        UnsafeRawBufferPointer(source),
                        for: UnsafeRawBufferPointer(rebasing: encoded[start..<start + compressed]),
                        encoding.coding(at: chunk.offset + UInt64(index * unit)), scratch: scratch)
                    guard isRight else { throw Self.miscompressed(at: chunk.offset + UInt64(index * unit)) }
                }
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

    private static func miscompressed(at offset: GuestOffset) -> ImageError {
        ImageError(
            .outputFailed, "what was compressed inflates to something else (disk byte \(offset.bytes))",
            advice: "another -o compression_type or --compression-level may work; please report it")
    }

    /// Makes every unit `unallocated`, `zero` or `plain`, and tells what its subunits are.
    /// - Parameters:
    ///   - isZero: whether a range of the chunk, one subunit, is zero.
    ///   - isSame: whether it is as the backing file has it.
    func classify(
        count: Int, in chunk: inout EncodedChunk, isZero: (Range<Int>) -> Bool, isSame: (Range<Int>) -> Bool
    ) {
        let subunits = layout.subunitsPerUnit
        let size = layout.unitSize / subunits
        let zeros = zeroRuns(count: count * subunits, size: size, isZero)
        chunk.units.reserveCapacity(count)
        for first in stride(from: 0, to: zeros.count, by: subunits) {
            var parts = StoredSubunits()
            for index in 0..<subunits {
                let start = (first + index) * size
                if isSame(start..<start + size) { continue }
                let bit = UInt32(1) << UInt32(index)
                if zeros[first + index] { parts.zero |= bit } else { parts.stored |= bit }
            }
            chunk.units.append(parts.stored != 0 ? .plain : parts.zero != 0 ? .zero : .unallocated)
            if subunits > 1 { chunk.subunits.append(parts) }
        }
    }

    /// Whether both have the same in `range`. What lies behind the end of `backing` is not on the disk.
    private static func isSame(
        _ data: UnsafeRawBufferPointer, _ backing: UnsafeRawBufferPointer, _ range: Range<Int>
    ) -> Bool {
        let end = min(range.upperBound, backing.count)
        guard range.lowerBound < end, let one = data.baseAddress, let other = backing.baseAddress else { return true }
        // Safe: the range, cut to the shorter one, lies in both.
        return unsafe memcmp(one + range.lowerBound, other + range.lowerBound, end - range.lowerBound) == 0
    }

    /// Which of `count` parts of `size` bytes belong to runs of zeros that are long enough not to be stored.
    private func zeroRuns(count: Int, size: Int, _ isZero: (Range<Int>) -> Bool) -> [Bool] {
        var zeros = [Bool](repeating: false, count: count)
        guard minimumZeroRun > 0 else { return zeros }
        let minimumCount = (minimumZeroRun + size - 1) / size
        var run = 0
        for index in 0...count {
            if index < count, isZero(index * size..<(index + 1) * size) {
                run += 1
                continue
            }
            if run >= minimumCount { for zero in index - run..<index { zeros[zero] = true } }
            run = 0
        }
        return zeros
    }
}

extension UnitDecoder {
    /// Whether `stored` inflates to `unit`.
    /// - Parameter scratch: room for the unit.
    fileprivate func gives(
        _ unit: UnsafeRawBufferPointer, for stored: UnsafeRawBufferPointer, _ coding: CompressedUnit.Coding,
        scratch: UnsafeMutableRawBufferPointer
    ) -> Bool {
        // Safe: the scratch has room for a unit; both buffers that are compared have its length.
        let inflated = unsafe UnsafeMutableRawBufferPointer(rebasing: scratch[..<unit.count])
        do throws(UnitDecoder.Failure) {
            try unsafe decode(coding, stored, into: inflated)
        } catch {
            return false
        }
        return unsafe Comparison.firstDifference(unit, UnsafeRawBufferPointer(inflated)) == nil
    }
}

extension UnitEncoding {
    /// How a unit at `offset` of the disk is inflated.
    fileprivate func coding(at offset: GuestOffset) -> CompressedUnit.Coding {
        switch self {
        case .deflate: .deflate
        case .zstd: .zstd
        case .vmdkGrain: .vmdkGrain(headerLength: 12, sector: offset.bytes / 512)
        }
    }
}

extension UnsafeMutableRawBufferPointer {
    /// Sets every byte to zero.
    func zero() {
        // Safe: stays inside the buffer.
        if unsafe !isEmpty { unsafe _ = initializeMemory(as: UInt8.self, repeating: 0) }
    }
}
