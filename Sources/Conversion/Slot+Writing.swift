import ByteLayout
import DiskImage

extension Slot {
    /// Fills the transfers with what must be written of the encoded chunk.
    /// - Parameter readsBack: keep in mind what will be read back.
    /// - Returns: how many units are stored.
    mutating func planWrites(
        _ placement: Placement, layout: WriterLayout, output: Output, readsBack: Bool
    ) -> Int {
        guard let chunk = encodedChunk else { preconditionFailure("an empty slot was placed") }
        transfers.removeAll(keepingCapacity: true)
        if readsBack, layout.unusedPlaces != .none, layout.subunitsPerUnit == 1 {
            // Zeros must be there too, whoever put them there.
            planPlain(chunk, placement.plain, layout: layout, output: output, includesZeros: true)
            written = transfers
            transfers.removeAll(keepingCapacity: true)
            planPlain(chunk, placement.plain, layout: layout, output: output)
        } else {
            planPlain(chunk, placement.plain, layout: layout, output: output)
            if chunk.compressedLength > 0 { planCompressed(chunk, output.files[0], at: placement.compressed) }
            if readsBack { written = transfers }
        }
        return chunk.units.count { $0.isStored }
    }

    private mutating func planPlain(
        _ chunk: EncodedChunk, _ pieces: [Placement.Piece], layout: WriterLayout, output: Output,
        includesZeros: Bool = false
    ) {
        let runs = chunk.plainRuns(
            layout, blockSize: output.files[0].blockSize, includesZeros: includesZeros)
        var start = 0
        for (index, piece) in pieces.enumerated() {
            // The last unit may end after the disk.
            let end = index == pieces.count - 1 ? Int.max : start + Int(piece.length)
            // What is written ends with the disk, or with its last aligned block where the file is cut afterwards.
            let file = output.files[piece.file]
            let diskEnd = includesZeros ? Int(chunk.length) : file.paddedEnd(of: Int(chunk.length))
            let limit = layout.keepsOffsets ? diskEnd : end
            let isThere = includesZeros ? chunk.hasPlace(start..<min(end, Int(chunk.length)), layout) : true
            for run in runs where isThere {
                let range = run.clamped(to: start..<min(end, limit))
                unsafe plan(data, range, file, at: piece.offset + UInt64(range.lowerBound - start), true)
            }
            start = end
        }
    }

    /// Compressed units start anywhere. Their first and last bytes go through the page cache, where they meet those of
    /// their neighbours; what is between goes past it, for which the memory must be aligned as the file is.
    private mutating func planCompressed(_ chunk: EncodedChunk, _ file: any OutputEndpoint, at offset: HostOffset) {
        let alignment = OutputFile.directAlignment
        let shift = Int(offset.bytes % alignment)
        let end = shift + chunk.compressedLength
        if shift > 0 {
            // Safe: the memory has room for a chunk's compressed units and for the shift.
            unsafe UnsafeMutableRawBufferPointer(rebasing: encoded[shift..<end]).copyMemory(
                from: UnsafeRawBufferPointer(rebasing: encoded[..<chunk.compressedLength]))
        }
        let first = min(end, shift.alignedUp(to: Int(alignment)))
        let last = max(first, Int(UInt64(end).alignedDown(to: alignment)))
        for range in [shift..<first, first..<last, last..<end] {
            unsafe plan(encoded, range, file, at: offset + UInt64(range.lowerBound - shift), false)
        }
    }

    private mutating func plan(
        _ memory: UnsafeMutableRawBufferPointer, _ range: Range<Int>, _ file: any OutputEndpoint, at offset: HostOffset,
        _ isRegistered: Bool
    ) {
        guard !range.isEmpty else { return }
        // Safe: the ranges were filled by the encoder.
        unsafe transfers.append(
            Transfer(
                endpoint: .output(file), offset: offset.bytes,
                memory: UnsafeMutableRawBufferPointer(rebasing: memory[range]), isRegistered: isRegistered))
    }
}

extension EncodedChunk {
    /// Whether the bytes `range` of the chunk have a place: with blocks only those of which anything is stored have one.
    fileprivate func hasPlace(_ range: Range<Int>, _ layout: WriterLayout) -> Bool {
        guard case .blocks = layout.unusedPlaces else { return true }
        return isStored(
            offset.bytes + UInt64(range.lowerBound)..<offset.bytes + UInt64(range.upperBound), unitSize: layout.unitSize
        )
    }

    /// Where plain units, and perhaps zero ones, are in the memory of the chunk, in bytes; with what else is in blocks of
    /// `blockSize` bytes where these can only be written whole.
    fileprivate func plainRuns(_ layout: WriterLayout, blockSize: Int, includesZeros: Bool) -> [Range<Int>] {
        let unit = layout.unitSize
        guard layout.keepsOffsets else { return [0..<plainCount * unit] }
        var runs: [Range<Int>] = []
        for (index, stored) in units.enumerated() where stored == .plain || includesZeros && stored == .zero {
            let start = (index * unit).alignedDown(to: blockSize)
            let end = ((index + 1) * unit).alignedUp(to: blockSize)
            if let last = runs.last, last.upperBound >= start {
                runs[runs.count - 1] = last.lowerBound..<end
            } else {
                runs.append(start..<end)
            }
        }
        return runs
    }
}
