/// What an entry of an L2 table refers to, and what is wrong with it.
struct L2Inspection {
    enum Reference: Equatable {
        case none
        /// A host cluster, though ``isCopied`` need not be right.
        case plain(offset: UInt64, isCopied: Bool)
        /// Bytes of the file.
        case compressed(Range<UInt64>)
    }

    /// What may be wrong with an entry alone.
    struct Problems: OptionSet {
        let rawValue: UInt16
        static let reservedBits = Problems(rawValue: 1 << 0)
        static let compressedCopied = Problems(rawValue: 1 << 1)
        static let compressedInDataFile = Problems(rawValue: 1 << 2)
        static let compressedSubclusters = Problems(rawValue: 1 << 3)
        static let contradictingSubclusters = Problems(rawValue: 1 << 4)
        static let unalignedWithoutData = Problems(rawValue: 1 << 5)
        static let unaligned = Problems(rawValue: 1 << 6)
        static let subclustersWithoutCluster = Problems(rawValue: 1 << 7)

        static let zeroInVersion2 = Problems(rawValue: 1 << 8)

        /// Their texts, in the order of their bits.
        static let texts = [
            "has reserved bits set", "is compressed, yet marked as copied", "is compressed, but there is a data file",
            "is compressed, yet has subclusters", "has subclusters that are both zero and allocated",
            "has no data, but a cluster that is not aligned", "is not aligned to a cluster",
            "has allocated subclusters, but no cluster", "is marked as zero, which version 2 does not know",
        ]

    }

    private(set) var reference = Reference.none
    private(set) var problems: Problems = []
    /// Whether the guest reads what is stored, rather than zeros.
    private(set) var hasData = false

    /// - Parameters:
    ///   - bitmap: that of the subclusters; 0 without extended L2 entries.
    init(_ entry: L2Entry, bitmap: UInt64, header: QCOW2Header) {
        let hasDataFile = header.incompatible.contains(.externalDataFile)
        if entry.isCompressed {
            if entry.rawValue & L2Entry.copied != 0 { problems.insert(.compressedCopied) }
            if hasDataFile {
                problems.insert(.compressedInDataFile)
            } else if bitmap != 0 {
                problems.insert(.compressedSubclusters)
            } else {
                reference = .compressed(entry.compressedRange(clusterBits: header.clusterBits))
            }
            return
        }
        if entry.hasReservedBits { problems.insert(.reservedBits) }
        let isExtended = header.incompatible.contains(.extendedL2)
        let isCopied = entry.rawValue & L2Entry.copied != 0
        let isZero = entry.isZero && !isExtended
        if isZero, header.version < 3 { problems.insert(.zeroInVersion2) }
        // In an external data file a cluster may be at offset 0; then its mark as copied tells that it is there.
        guard entry.hostOffset != 0 || hasDataFile && isCopied && !isZero else {
            if UInt32(truncatingIfNeeded: bitmap) != 0 { problems.insert(.subclustersWithoutCluster) }
            return
        }
        let (allocated, zero) = (UInt32(truncatingIfNeeded: bitmap), UInt32(bitmap >> 32))
        if allocated & zero != 0 { problems.insert(.contradictingSubclusters) }
        hasData = isExtended ? allocated != 0 : !isZero
        if entry.hostOffset % header.clusterSize != 0 { problems.insert(hasData ? .unaligned : .unalignedWithoutData) }
        reference = .plain(offset: entry.hostOffset, isCopied: isCopied)
    }
}
