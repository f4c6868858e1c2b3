import ByteLayout

/// The first cluster of an image that is written.
struct QCOW2HeaderImage {
    var options: QCOW2WriterOptions
    var virtualSize: UInt64
    var l1Count: Int
    var l1Offset: UInt64
    var refcountTableOffset: UInt64
    var refcountTableClusters: UInt64

    /// Version 3 header with the compression type and its padding; what QEMU writes.
    private static let writtenLength: UInt32 = 112

    /// The whole cluster.
    var bytes: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Int(options.clusterSize))
        bytes.replaceSubrange(0..<4, with: QCOW2.magic)
        bytes.storeBigEndian(options.version, at: 4)
        bytes.storeBigEndian(UInt32(options.clusterSize.trailingZeroBitCount), at: 20)
        bytes.storeBigEndian(virtualSize, at: 24)
        bytes.storeBigEndian(UInt32(l1Count), at: 36)
        bytes.storeBigEndian(l1Offset, at: 40)
        bytes.storeBigEndian(refcountTableOffset, at: 48)
        bytes.storeBigEndian(UInt32(refcountTableClusters), at: 56)
        guard options.version >= 3 else { return bytes }
        var incompatible: QCOW2Header.IncompatibleFeatures = []
        if options.compression != .zlib { incompatible.insert(.compressionType) }
        if options.hasExtendedL2 { incompatible.insert(.extendedL2) }
        bytes.storeBigEndian(incompatible.rawValue, at: 72)
        if options.hasLazyRefcounts { bytes.storeBigEndian(QCOW2Header.lazyRefcounts, at: 80) }
        bytes.storeBigEndian(UInt32(options.refcountBits.trailingZeroBitCount), at: 96)
        bytes.storeBigEndian(Self.writtenLength, at: 100)
        bytes[104] = options.compression.rawValue
        return bytes
    }
}
