import ByteLayout

/// The first cluster of an image that is written: the header, its extensions, and the backing file's name.
struct QCOW2HeaderImage {
    var options: QCOW2WriterOptions
    var virtualSize: UInt64
    var l1Count = 0
    var l1Offset: UInt64 = 0
    var refcountTableOffset: UInt64 = 0
    var refcountTableClusters: UInt64 = 0

    /// Version 3 header with the compression type and its padding; what QEMU writes.
    private static let writtenLength = 112

    /// The whole cluster.
    var bytes: [UInt8] {
        let content = content
        return content + [UInt8](repeating: 0, count: Int(options.clusterSize) - content.count)
    }

    /// Whether everything fits into the first cluster.
    var fits: Bool { content.count <= options.clusterSize }

    private var content: [UInt8] {
        var bytes = options.version >= 3 ? version3Header : version2Header
        bytes += HeaderExtensions.stored(options)
        if let name = options.backing?.name {
            bytes.storeBigEndian(UInt64(bytes.count), at: 8)
            bytes.storeBigEndian(UInt32(name.utf8.count), at: 16)
            bytes += name.utf8
        }
        return bytes
    }

    private var version2Header: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: QCOW2Header.version2Length)
        bytes.replaceSubrange(0..<4, with: QCOW2.magic)
        bytes.storeBigEndian(options.version, at: 4)
        bytes.storeBigEndian(UInt32(options.clusterSize.trailingZeroBitCount), at: 20)
        bytes.storeBigEndian(virtualSize, at: 24)
        bytes.storeBigEndian(UInt32(l1Count), at: 36)
        bytes.storeBigEndian(l1Offset, at: 40)
        bytes.storeBigEndian(refcountTableOffset, at: 48)
        bytes.storeBigEndian(UInt32(refcountTableClusters), at: 56)
        return bytes
    }

    private var version3Header: [UInt8] {
        var bytes = version2Header
        bytes += [UInt8](repeating: 0, count: Self.writtenLength - bytes.count)
        var incompatible: QCOW2Header.IncompatibleFeatures = []
        if options.compression != .zlib { incompatible.insert(.compressionType) }
        if options.hasExtendedL2 { incompatible.insert(.extendedL2) }
        if options.dataFile != nil { incompatible.insert(.externalDataFile) }
        bytes.storeBigEndian(incompatible.rawValue, at: 72)
        if options.hasLazyRefcounts { bytes.storeBigEndian(QCOW2Header.lazyRefcounts, at: 80) }
        if options.dataFile?.isRaw == true { bytes.storeBigEndian(QCOW2Header.rawDataFile, at: 88) }
        bytes.storeBigEndian(UInt32(options.refcountBits.trailingZeroBitCount), at: 96)
        bytes.storeBigEndian(UInt32(Self.writtenLength), at: 100)
        bytes[104] = options.compression.rawValue
        return bytes
    }
}
