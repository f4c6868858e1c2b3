/// Where a sparse extent keeps its tables and how large its grains are: what KDMV and COWD headers have in common.
struct GrainLayout {
    /// Bytes of virtual disk, according to the header.
    var capacity: UInt64
    /// Bytes of a grain, a power of two.
    var grainLength: UInt64
    /// Entries of a grain table.
    var tableEntries: UInt64
    /// Byte offset of the grain directory.
    var directoryOffset: UInt64
    /// Byte offset of the second copy of the grain directory, which has grain tables of its own; nil for none.
    var redundantDirectoryOffset: UInt64?
    /// Entries of the grain directory, already bounded.
    var directoryEntries: Int
    /// Bytes of a grain's own header if grains are compressed: 12 with markers, 4 without.
    var compressedHeaderLength: Int?
    /// The header, and the descriptor if one is embedded: no grain can be there.
    var reserved: [Range<UInt64>]

    /// Bytes of virtual disk that one grain table describes.
    var tableCoverage: UInt64 { grainLength * tableEntries }
    /// Bytes of a grain table.
    var tableLength: UInt64 { tableEntries * 4 }
}

extension SparseHeader {
    var layout: GrainLayout {
        var reserved = [0..<UInt64(Self.length)]
        if descriptorOffset != 0 {
            let start = descriptorOffset * VMDK.sectorSize
            reserved.append(start..<start + descriptorSize * VMDK.sectorSize)
        }
        func bytes(_ sector: UInt64) -> UInt64 {
            let product = sector.multipliedReportingOverflow(by: VMDK.sectorSize)
            return product.overflow ? .max : product.partialValue
        }
        let hasRedundant = flags.contains(.redundantDirectory) && redundantDirectoryOffset != 0
        return GrainLayout(
            capacity: capacity * VMDK.sectorSize, grainLength: grainLength, tableEntries: grainTableEntries,
            directoryOffset: bytes(directoryOffset),
            redundantDirectoryOffset: hasRedundant ? bytes(redundantDirectoryOffset) : nil,
            directoryEntries: Int(directoryEntries),
            compressedHeaderLength: isCompressed ? (flags.contains(.markers) ? 12 : 4) : nil, reserved: reserved)
    }
}
