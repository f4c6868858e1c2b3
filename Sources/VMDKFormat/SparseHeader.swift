import ByteLayout

/// The header of a hosted sparse extent, or the footer of a stream-optimized one.
struct SparseHeader: Equatable {
    /// Bytes of the header on disk.
    static let length = 512

    /// 1, 2 (zeroed grains) or 3 (stream-optimized, change tracking).
    var version: UInt32
    var flags: Flags
    /// Size of the extent's virtual disk, in sectors; need not be a multiple of the grain.
    var capacity: UInt64
    /// Sectors of a grain, a power of two.
    var grainSize: UInt64
    /// Sector of the embedded descriptor, 0 for none.
    var descriptorOffset: UInt64
    /// Sectors reserved for the embedded descriptor.
    var descriptorSize: UInt64
    /// Entries of each grain table, a power of two, normally 512.
    var grainTableEntries: UInt64
    /// Sector of the redundant grain directory; valid only with ``Flags/redundantDirectory``.
    var redundantDirectoryOffset: UInt64
    /// Sector of the grain directory, or ``directoryAtEnd``.
    var directoryOffset: UInt64
    /// Whether the last writer crashed.
    var isUnclean: Bool
    var isCompressed: Bool

    /// The value of ``directoryOffset`` in the header of a stream whose footer has the real one.
    static let directoryAtEnd = UInt64.max

    struct Flags: OptionSet {
        let rawValue: UInt32
        /// The newline test bytes are valid.
        static let newlineTest = Flags(rawValue: 1 << 0)
        /// The redundant grain directory is used.
        static let redundantDirectory = Flags(rawValue: 1 << 1)
        /// A grain table entry of 1 means a zeroed grain.
        static let zeroedGrains = Flags(rawValue: 1 << 2)
        /// Grains are compressed.
        static let compressed = Flags(rawValue: 1 << 16)
        /// Grains and tables are preceded by markers.
        static let markers = Flags(rawValue: 1 << 17)
    }

    /// Bytes of a grain.
    var grainLength: UInt64 { grainSize * VMDK.sectorSize }
    /// Bytes of virtual disk that one grain table describes.
    var tableCoverage: UInt64 { grainLength * grainTableEntries }
    /// Bytes of a grain table.
    var tableLength: UInt64 { grainTableEntries * 4 }
    /// Entries of the grain directory.
    var directoryEntries: UInt64 {
        capacity.dividedUp(by: grainSize).dividedUp(by: grainTableEntries)
    }
}
