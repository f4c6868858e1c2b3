import ByteLayout
package import DiskImage

/// Writes a dynamic VHD:
/// ```
///  copy of the footer │ dynamic header │ BAT │ blocks in the order of the disk: bitmap of sectors, data │ footer
/// ```
/// The data of a block starts at a multiple of 4 KiB, as XenServer aligns it: that can be written past the page cache, and
/// a machine reads it in whole sectors of any device. In memory is a window of the BAT.
package final class VHDDynamicWriter: ImageWriter {
    package let layout: WriterLayout
    private var form: VHDForm
    /// Bytes of the disk before its size was made to fit the geometry.
    private let virtualSize: UInt64
    private let blockCount: Int
    /// The first byte behind the table.
    private let tableEnd: UInt64
    private var table: WindowedTableWriter<UInt32>
    /// The block that is being filled, and where its data is.
    private var block: (index: UInt64, data: HostOffset)?
    /// The first byte behind the last block.
    private var end: UInt64

    private static let headerOffset = UInt64(VHDFooter.length)
    private static let tableOffset = headerOffset + UInt64(VHD.dynamicHeaderLength)
    /// The size that every program uses.
    private static let blockSize: UInt64 = 2 << 20
    private static let bitmapLength = blockSize / VHD.sectorSize / 8
    private static let alignment: UInt64 = 4096

    /// - Parameters:
    ///   - virtualSize: bytes of the disk, whole sectors.
    ///   - unitSize: granularity of zero detection in bytes.
    /// - Throws: `invalidOption` if the disk is too large for a VHD.
    package init(virtualSize: UInt64, options: VHDOptions, unitSize: Int) throws(ImageError) {
        form = try VHDForm(virtualSize: virtualSize, options: options)
        layout = WriterLayout(
            unitSize: unitSize, keepsOffsets: true, hasChecksums: true, unusedPlaces: .blocks(Self.blockSize))
        self.virtualSize = virtualSize
        blockCount = Int(form.size.dividedUp(by: Self.blockSize))
        // The table is padded to sectors, with entries of blocks that are not there.
        let padded = UInt64(blockCount * 4).alignedUp(to: VHD.sectorSize)
        table = WindowedTableWriter(at: HostOffset(Self.tableOffset), count: Int(padded / 4), isBigEndian: true) { _ in
            VHDMap.unallocated
        }
        tableEnd = Self.tableOffset + padded
        end = tableEnd
    }

    /// What stands in front of the blocks of an empty disk, then blocks, each aligned and with its bitmap, and the footer.
    package var fullSizes: [UInt64]? {
        let first = (tableEnd + Self.bitmapLength).alignedUp(to: Self.alignment)
        let step = (Self.blockSize + Self.bitmapLength).alignedUp(to: Self.alignment)
        let blocks = virtualSize.dividedUp(by: Self.blockSize)
        let end = blocks == 0 ? tableEnd : first + (blocks - 1) * step + Self.blockSize
        return [end + UInt64(VHDFooter.length)]
    }

    package var warnings: [String] { form.warnings }

    package func place(_ chunk: EncodedChunk, output: any OutputSink) throws(ImageError) -> Placement {
        form.digest.add(chunk)
        return try chunk.placement(inBlocksOf: Self.blockSize, unitSize: layout.unitSize) { index throws(ImageError) in
            try dataOffset(ofBlock: index, output: output)
        }
    }

    /// Where the data of a block is; a new one gets the next place.
    private func dataOffset(ofBlock index: UInt64, output: any OutputSink) throws(ImageError) -> HostOffset {
        if let block, block.index == index { return block.data }
        let data = (end + Self.bitmapLength).alignedUp(to: Self.alignment)
        let start = data - Self.bitmapLength
        end = data + Self.blockSize
        try output.reserve(upTo: end)
        // Nobody but the specification heeds the bitmap of a dynamic disk: all of a block is there, its zeros too.
        try output.write([UInt8](repeating: 0xFF, count: Int(Self.bitmapLength)), at: HostOffset(start))
        // Sectors of a disk of 2040 GiB with all its bitmaps fit into 32 bits.
        try table.set(Int(index), to: UInt32(start / VHD.sectorSize), output: output)
        block = (index, HostOffset(data))
        return HostOffset(data)
    }

    package func finish(output: any OutputSink) throws(ImageError) -> [UInt64] {
        try table.finish(output: output)
        let header = VHDDynamicHeader.bytes(
            tableOffset: Self.tableOffset, entries: UInt32(blockCount), blockSize: UInt32(Self.blockSize))
        try output.write(header, at: HostOffset(Self.headerOffset))
        try output.barrier()
        let footer = form.footer(dataOffset: Self.headerOffset)
        try output.write(footer, at: HostOffset(0))
        try output.write(footer, at: HostOffset(end))
        return [end + UInt64(footer.count)]
    }
}
