/// QEMU's copy-on-write format, versions 2 and 3. All integers are big-endian.
/// ```
///  cluster 0: header │ header extensions │ backing file name
///  L1 table ──▶ L2 tables ──▶ clusters of guest data, plain or compressed
///  refcount table ──▶ refcount blocks: how often each host cluster is used
/// ```
/// Everything is aligned to clusters except compressed data, which is packed at byte positions.
/// Source of the facts: docs/interop/qcow2.txt of QEMU.
package enum QCOW2 {
    static let magic: [UInt8] = [0x51, 0x46, 0x49, 0xFB]

    /// 512 bytes to 2 MiB, the limits of QEMU.
    static let clusterBits: ClosedRange<Int> = 9...21

    /// QEMU's limit of an L1 table, in bytes; also what we hold in memory.
    static let maximumL1Length: UInt64 = 32 << 20

    /// QEMU's limit of a refcount table, in bytes.
    static let maximumRefcountTableLength: UInt64 = 8 << 20

    /// Bits 9 to 55 of an L1, L2 or refcount table entry: a host offset.
    static let offsetMask: UInt64 = 0x00FF_FFFF_FFFF_FE00
}

/// How the clusters of an image are compressed.
package enum QCOW2Compression: UInt8, Sendable {
    /// Raw deflate, called zlib by QEMU.
    case zlib = 0
    /// Zstandard, since QEMU 5.1.
    case zstd = 1

    /// The name in `-o compression_type=`.
    package var name: String {
        switch self {
        case .zlib: "zlib"
        case .zstd: "zstd"
        }
    }
}
