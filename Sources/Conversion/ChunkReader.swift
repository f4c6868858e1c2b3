import ByteLayout
import Compression
import DiskImage

/// Turns a chunk's extents into transfers, and what was read into the bytes of the disk.
struct ChunkReader {
    /// Stored units that are no farther apart in the file than this are read at once: tables and markers between
    /// grains cost less than another request.
    private static let maximumGap: UInt64 = 64 << 10
    /// How many bytes of such gaps a chunk may read: they take staging memory.
    private static let maximumGaps: UInt64 = 256 << 10

    private let files: [ImageFile]
    private let isEncrypted: Bool
    /// Takes what can't be decoded; nil to make it an error.
    private let losses: Losses?
    private let decoder = UnitDecoder()
    /// A unit of which the chunk wants only a part, as at the end of a split disk's extent.
    private var scratch: [UInt8] = []

    init(files: [ImageFile], losses: Losses?) {
        self.files = files
        isEncrypted = files.contains { $0.cipher != nil }
        self.losses = losses
    }

    /// Fills `slot.transfers` with what must be read for `slot.chunk`, and zeroes the holes.
    func plan(_ slot: inout Slot) throws(ImageError) {
        guard let chunk = slot.chunk else { return }
        slot.transfers.removeAll(keepingCapacity: true)
        slot.stagedRanges.removeAll(keepingCapacity: true)
        var position = 0
        var staged = StagedRead()
        for extent in chunk.extents {
            let length = Int(extent.length)
            // Safe: the extents cover the chunk, which the slot's data can hold.
            let target = unsafe UnsafeMutableRawBufferPointer(rebasing: slot.data[position..<position + length])
            switch extent.content {
            case .zero:
                unsafe target.zero()
            case .unallocated:
                preconditionFailure("a map has an extent that only layers have")
            case .data(let file, let offset):
                unsafe slot.transfers.append(
                    Transfer(endpoint: .source(file), offset: offset.bytes, memory: target, isRegistered: true))
            case .compressed(let unit):
                slot.stagedRanges.append(try stage(unit, &staged, &slot))
            }
            position += length
        }
        staged.flush(into: &slot)
    }

    /// A read of neighbouring compressed units that is still growing.
    private struct StagedRead {
        var file = 0
        /// The range of the file; empty if there is none.
        var range: Range<UInt64> = 0..<0
        /// Where in the staging memory the range begins.
        var start = 0
        /// Bytes of gaps that this chunk reads.
        var gaps: UInt64 = 0

        /// The first byte of the staging memory that is free.
        var end: Int { start + range.count }

        func flush(into slot: inout Slot) {
            guard !range.isEmpty else { return }
            // Safe: `stage` has checked the end against the staging memory.
            let memory = unsafe UnsafeMutableRawBufferPointer(rebasing: slot.staging[start..<end])
            unsafe slot.transfers.append(
                Transfer(endpoint: .source(file), offset: range.lowerBound, memory: memory, isRegistered: false))
        }
    }

    /// Adds `unit` to the current read or starts a new one.
    /// - Returns: where in the staging memory the unit's stored bytes will be.
    private func stage(
        _ unit: CompressedUnit, _ read: inout StagedRead, _ slot: inout Slot
    ) throws(ImageError) -> Range<Int> {
        let file = files[unit.file]
        let stop = min(unit.offset.bytes + UInt64(unit.storedBound), file.size)
        let wanted = unit.offset.bytes..<stop
        let gap = wanted.lowerBound - min(wanted.lowerBound, read.range.upperBound)
        let continues =
            !read.range.isEmpty && read.file == unit.file && wanted.lowerBound >= read.range.lowerBound
            && gap <= Self.maximumGap && read.gaps + gap <= Self.maximumGaps
        let extended = read.range.lowerBound..<max(read.range.upperBound, wanted.upperBound)
        if continues, unsafe read.start + extended.count <= slot.staging.count {
            read.range = extended
            read.gaps += gap
        } else {
            read.flush(into: &slot)
            read = StagedRead(file: unit.file, range: wanted, start: read.end, gaps: read.gaps)
        }
        guard unsafe read.end <= slot.staging.count else {
            throw file.damaged("compressed data takes several times the space of what it holds", at: wanted.lowerBound)
        }
        let start = read.start + Int(wanted.lowerBound - read.range.lowerBound)
        return start..<start + wanted.count
    }

    /// Decrypts and inflates what was read into the slot's data.
    mutating func decode(_ slot: inout Slot) throws(ImageError) {
        if isEncrypted { try decrypt(slot) }
        try inflate(&slot)
    }

    /// Decrypts the data that was read from encrypted files.
    private func decrypt(_ slot: Slot) throws(ImageError) {
        guard let chunk = slot.chunk else { return }
        var position = 0
        for extent in chunk.extents {
            let length = Int(extent.length)
            if case .data(let file, let offset) = extent.content, let cipher = files[file].cipher {
                // Safe: the extents cover the chunk, which the slot's data can hold.
                let target = unsafe UnsafeMutableRawBufferPointer(rebasing: slot.data[position..<position + length])
                let whole = length - length % cipherSectorSize
                unsafe decrypt(UnsafeMutableRawBufferPointer(rebasing: target[..<whole]), at: offset, cipher)
                if whole < length {
                    try decryptEnd(
                        slot, position + whole..<position + length, of: files[file], at: offset + UInt64(whole), cipher)
                }
            }
            position += length
        }
    }

    /// Decrypts the sector in which the disk ends, of which the slot has only the bytes `range` of its data: all of it is
    /// needed.
    private func decryptEnd(
        _ slot: Slot, _ range: Range<Int>, of file: ImageFile, at offset: HostOffset, _ cipher: any SectorCipher
    ) throws(ImageError) {
        // Safe: the extents cover the chunk, which the slot's data can hold.
        let target = unsafe UnsafeMutableRawBufferPointer(rebasing: slot.data[range])
        do throws(ImageError) {
            var sector = try file.read(at: offset.bytes, count: cipherSectorSize, what: "last sector of the disk")
            unsafe sector.withUnsafeMutableBytes { sector in
                unsafe decrypt(sector, at: offset, cipher)
                // Safe: the target is shorter than a sector.
                unsafe target.copyMemory(from: UnsafeRawBufferPointer(rebasing: sector[..<range.count]))
            }
        } catch {
            guard let losses, let chunk = slot.chunk else { throw error }
            unsafe target.zero()
            losses.add(at: chunk.offset.bytes + UInt64(range.lowerBound), length: UInt64(range.count), error)
        }
    }

    private func decrypt(_ data: UnsafeMutableRawBufferPointer, at offset: HostOffset, _ cipher: any SectorCipher) {
        guard losses != nil else { return unsafe cipher.decrypt(data, at: offset) }
        // What could not be read is zeros, which no encrypted sector is, and stays so.
        for start in stride(from: 0, to: data.count, by: cipherSectorSize) {
            let sector = unsafe UnsafeMutableRawBufferPointer(rebasing: data[start..<start + cipherSectorSize])
            if unsafe !ZeroScan.isZero(UnsafeRawBufferPointer(sector)) {
                unsafe cipher.decrypt(sector, at: offset + UInt64(start))
            }
        }
    }

    /// Inflates what was staged into the slot's data.
    private mutating func inflate(_ slot: inout Slot) throws(ImageError) {
        guard let chunk = slot.chunk, !slot.stagedRanges.isEmpty else { return }
        var position = 0
        var compressedCount = 0
        for extent in chunk.extents {
            let length = Int(extent.length)
            if case .compressed(let unit) = extent.content {
                // Safe: `plan` has checked both ranges.
                let stored = unsafe UnsafeRawBufferPointer(rebasing: slot.staging[slot.stagedRanges[compressedCount]])
                let target = unsafe UnsafeMutableRawBufferPointer(rebasing: slot.data[position..<position + length])
                compressedCount += 1
                do throws(UnitDecoder.Failure) {
                    try unsafe decode(unit, stored, into: target)
                } catch {
                    let start = chunk.offset.bytes + UInt64(position)
                    let damage = files[unit.file].damaged(
                        "\(error.message) (disk byte \(start))", at: unit.offset.bytes)
                    guard let losses else { throw damage }
                    unsafe target.zero()
                    losses.add(at: start, length: UInt64(length), damage)
                }
            }
            position += length
        }
    }

    private mutating func decode(
        _ unit: CompressedUnit, _ stored: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer
    ) throws(UnitDecoder.Failure) {
        if unit.skipped == 0, unit.unitLength == target.count {
            return try unsafe decoder.decode(unit.coding, stored, into: target)
        }
        if scratch.count < unit.unitLength { scratch = [UInt8](repeating: 0, count: unit.unitLength) }
        let decoder = decoder
        let result = unsafe scratch.withUnsafeMutableBytes { buffer in
            // Safe: the scratch holds the whole unit, and the extent is a part of it.
            let whole = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[..<unit.unitLength])
            let start = Int(unit.skipped)
            return Result { () throws(UnitDecoder.Failure) in
                try unsafe decoder.decode(unit.coding, stored, into: whole, minimumLength: unit.minimumLength)
                unsafe target.copyMemory(from: UnsafeRawBufferPointer(rebasing: whole[start..<start + target.count]))
            }
        }
        try result.get()
    }
}
