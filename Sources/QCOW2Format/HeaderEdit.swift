import ByteLayout
import DiskImage

/// The fixed part of a header that is being changed. It lies within the file's first sector and is written in one piece, so
/// that an interruption leaves the old one or the new one.
struct HeaderEdit {
    private(set) var bytes: [UInt8]

    /// The header of `file`. What only other programs keep consistent is marked as no longer so: their autoclear bits.
    init(file: ImageFile, header: QCOW2Header) throws(ImageError) {
        let length = header.version >= 3 ? QCOW2Header.version3Length : QCOW2Header.version2Length
        bytes = try file.read(at: 0, count: length, what: "qcow2 header")
        if header.version >= 3 { bytes.storeBigEndian(header.autoclear & QCOW2Header.knownAutoclear, at: 88) }
    }

    /// Bytes of it.
    var length: UInt64 { UInt64(bytes.count) }

    mutating func setSize(_ size: UInt64) {
        bytes.storeBigEndian(size, at: 24)
    }

    mutating func setL1(count: UInt64, offset: UInt64) {
        bytes.storeBigEndian(UInt32(count), at: 36)
        bytes.storeBigEndian(offset, at: 40)
    }

    mutating func setRefcountTable(clusters: UInt64, offset: UInt64) {
        bytes.storeBigEndian(offset, at: 48)
        bytes.storeBigEndian(UInt32(clusters), at: 56)
    }

    /// Of a version 3 header.
    mutating func setIncompatible(_ features: QCOW2Header.IncompatibleFeatures) {
        bytes.storeBigEndian(features.rawValue, at: 72)
    }

    /// Says that the persistent bitmaps, which only version 3 has, don't know of a change, so that nobody uses them.
    mutating func disownBitmaps(_ header: QCOW2Header) {
        bytes.storeBigEndian(header.autoclear & QCOW2Header.knownAutoclear & ~QCOW2Header.bitmaps, at: 88)
    }

    mutating func setBackingName(offset: UInt64, length: Int) {
        bytes.storeBigEndian(offset, at: 8)
        bytes.storeBigEndian(UInt32(length), at: 16)
    }

    /// Writes it, behind everything written before; what comes later is behind it.
    /// - Parameter rest: what follows the fixed part, where that changes too.
    func write(followedBy rest: [UInt8] = [], to output: any OutputSink) throws(ImageError) {
        try output.barrier()
        try output.write(bytes + rest, at: HostOffset(0))
        try output.barrier()
    }
}
