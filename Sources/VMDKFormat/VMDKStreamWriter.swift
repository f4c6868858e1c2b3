import ByteLayout
package import DiskImage

/// Writes a stream-optimized VMDK strictly front to back, in the order in which VMware's tools do (see ``VMDK``).
/// In memory are one grain table and the grain directory.
package final class VMDKStreamWriter: ImageWriter {
    package let layout: WriterLayout
    package let isSequential = true
    private var header: SparseHeader
    private let descriptor: [UInt8]
    /// Sectors of the grain tables, 0 for an absent one, as they will be stored.
    private var directory: [UInt8]
    /// The table that is being filled.
    private var table: (index: Int, bytes: [UInt8])?
    /// Everything before this byte is written or has its place.
    private var end: UInt64 = 0

    /// Sectors before the first grain.
    private static let overhead: UInt64 = 128

    private enum Marker: UInt32 {
        case endOfStream = 0
        case grainTable = 1
        case grainDirectory = 2
        case footer = 3
    }

    /// - Parameters:
    ///   - virtualSize: bytes of the disk, whole sectors.
    ///   - level: of deflate, see ``UnitEncoding``.
    /// - Throws: `invalidOption` if the disk or the name does not fit into a VMDK.
    package init(virtualSize: UInt64, options: VMDKOptions, name: VMDKName, level: Int) throws(ImageError) {
        try VMDK.requireDirectories(virtualSize: virtualSize)
        layout = WriterLayout(
            unitSize: options.grainSize, keepsOffsets: false,
            encoding: .vmdkGrain(level: level))
        header = SparseHeader(
            version: 3, flags: [.newlineTest, .compressed, .markers], capacity: virtualSize / VMDK.sectorSize,
            descriptorSize: SparseHeader.writtenDescriptorSize, directoryOffset: SparseHeader.directoryAtEnd)
        // The descriptor comes before the content, so the content can't number itself.
        let digest = options.digest(virtualSize: virtualSize, name: name)
        descriptor = Array(
            Descriptor(
                options: options, virtualSize: virtualSize, contentID: digest.bits,
                extents: name.extentLines(.streamOptimized, virtualSize: virtualSize)
            ).text.utf8)
        directory = [UInt8](repeating: 0, count: Int(header.directoryEntries) * 4)
    }

    package func place(_ chunk: EncodedChunk, output: any OutputSink) throws(ImageError) -> Placement {
        try writeFront(output: output)
        guard chunk.compressedLength > 0 else { return Placement() }
        // A table describes a multiple of a chunk.
        let index = Int(chunk.offset.bytes / header.tableCoverage)
        if table?.index != index {
            try writeTable(output: output)
            table = (index, [UInt8](repeating: 0, count: Int(header.tableLength)))
        }
        let first = Int(chunk.offset.bytes % header.tableCoverage / header.grainLength)
        for (number, unit) in chunk.units.enumerated() {
            guard case .compressed(let offset, _) = unit else { continue }
            let sector = try GrainTableEntry.sector(ofByte: end + UInt64(offset))
            table?.bytes.storeLittleEndian(sector, at: (first + number) * 4)
        }
        let placement = Placement(compressed: HostOffset(end))
        end += UInt64(chunk.compressedLength)
        try output.reserve(upTo: end)
        return placement
    }

    /// Writes header and descriptor, unless that is done.
    private func writeFront(output: any OutputSink) throws(ImageError) {
        guard end == 0 else { return }
        var front = header.bytes(overhead: Self.overhead) + descriptor
        front += [UInt8](repeating: 0, count: Int(Self.overhead * VMDK.sectorSize) - front.count)
        try append(front, output: output)
    }

    /// Writes the current table; what has no grains has no table.
    private func writeTable(output: any OutputSink) throws(ImageError) {
        guard let (index, bytes) = table else { return }
        let sector = try append(bytes, behind: .grainTable, output: output)
        directory.storeLittleEndian(sector, at: index * 4)
        table = nil
    }

    package func finish(output: any OutputSink) throws(ImageError) -> [UInt64] {
        try writeFront(output: output)
        try writeTable(output: output)
        header.directoryOffset = UInt64(try append(directory, behind: .grainDirectory, output: output))
        try append(
            header.bytes(overhead: Self.overhead), behind: .footer, output: output)
        try append([], behind: .endOfStream, output: output)
        return [end]
    }

    /// Appends a marker and `bytes`, padded to sectors.
    /// - Returns: the sector of the bytes.
    @discardableResult
    private func append(
        _ bytes: [UInt8], behind marker: Marker, output: any OutputSink
    ) throws(ImageError) -> UInt32 {
        let sector = Int(VMDK.sectorSize)
        let length = bytes.count.alignedUp(to: sector)
        // How many sectors follow, 0 where a grain has its length, the kind.
        var record = [UInt8](repeating: 0, count: sector)
        record.storeLittleEndian(UInt64(length / sector), at: 0)
        record.storeLittleEndian(marker.rawValue, at: 12)
        let start = try GrainTableEntry.sector(ofByte: end + UInt64(sector))
        try append(record + bytes + [UInt8](repeating: 0, count: length - bytes.count), output: output)
        return start
    }

    private func append(_ bytes: [UInt8], output: any OutputSink) throws(ImageError) {
        try output.write(bytes, at: HostOffset(end))
        end += UInt64(bytes.count)
    }
}
