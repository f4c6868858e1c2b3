package import DiskImage

/// Writes a VHDX:
/// ```
///  identifier, headers, region tables (last) │ log (empty) │ metadata │ BAT │ blocks in the order of the disk
/// ```
/// In memory is a window of the BAT.
package final class VHDXWriter: ImageWriter {
    package let layout: WriterLayout
    private let form: VHDXForm
    private var table: WindowedTableWriter<UInt64>
    private var digest: ContentDigest
    /// The block that is being filled, and where it is.
    private var block: (index: UInt64, place: HostOffset)?
    /// The first byte behind the last block.
    private var end: UInt64

    /// - Parameters:
    ///   - virtualSize: bytes of the disk, whole sectors.
    ///   - unitSize: granularity of zero detection in bytes.
    /// - Throws: `invalidOption` if an option has an impossible value, or the disk is too large for a VHDX.
    package init(virtualSize: UInt64, options: VHDXOptions, unitSize: Int) throws(ImageError) {
        form = try VHDXForm(virtualSize: virtualSize, options: options)
        layout = WriterLayout(
            unitSize: unitSize, keepsOffsets: true, hasChecksums: true,
            unusedPlaces: form.isFixed ? .disk : .blocks(form.blockSize))
        table = WindowedTableWriter(
            at: HostOffset(form.table.lowerBound), count: form.tableCount, isBigEndian: false, absent: form.absentEntry)
        digest = form.digest
        end = form.end
    }

    /// What stands in front of the blocks, and all of them.
    package var fullSizes: [UInt64]? { [form.fullEnd] }

    package func place(_ chunk: EncodedChunk, output: any OutputSink) throws(ImageError) -> Placement {
        digest.add(chunk)
        guard !form.isFixed else {
            let place = HostOffset(form.fixedOffset(ofBlock: 0) + chunk.offset.bytes)
            try output.reserve(upTo: place.bytes + chunk.length)
            return Placement(plain: [Placement.Piece(length: chunk.length, at: place)])
        }
        return try chunk.placement(inBlocksOf: form.blockSize, unitSize: layout.unitSize) { index throws(ImageError) in
            try offset(ofBlock: index, output: output)
        }
    }

    /// Where a block is; a new one gets the next place.
    private func offset(ofBlock index: UInt64, output: any OutputSink) throws(ImageError) -> HostOffset {
        if let block, block.index == index { return block.place }
        let place = end
        end += form.blockSize
        try output.reserve(upTo: place + form.blockSize)
        let entry = VHDXBlockEntry(.present, at: place)
        try table.set(form.tableIndex(ofBlock: Int(index)), to: entry.rawValue, output: output)
        block = (index, HostOffset(place))
        return HostOffset(place)
    }

    package func finish(output: any OutputSink) throws(ImageError) -> [UInt64] {
        try table.finish(output: output)
        let disk = identifier("disk")
        let metadata = VHDXMetadata(
            blockSize: form.blockSize, keepsBlocks: form.isFixed, virtualSize: form.virtualSize,
            logicalSectorSize: VHDXForm.sectorSize, physicalSectorSize: VHDXForm.sectorSize)
        try output.write(metadata.bytes(diskIdentifier: disk), at: HostOffset(form.metadata.lowerBound))
        let regions = VHDXRegions.bytes(table: form.table, metadata: form.metadata)
        for position in VHDX.regionTablePositions { try output.write(regions, at: HostOffset(position)) }
        for (sequence, position) in VHDX.headerPositions.enumerated() {
            let header = VHDXHeader.bytes(
                sequence: UInt64(sequence + 1), fileWriteGUID: identifier("file"), dataWriteGUID: identifier("data"),
                log: form.log)
            try output.write(header, at: HostOffset(position))
        }
        try output.barrier()
        try output.write(VHDX.signature + VHDX.creator, at: HostOffset(0))
        return [end]
    }

    /// An identifier of what the digest has seen, another for each `purpose`.
    private func identifier(_ purpose: String) -> GUID {
        var digest = digest
        digest.add(purpose)
        return digest.identifier
    }
}
