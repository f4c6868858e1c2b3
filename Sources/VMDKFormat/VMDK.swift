/// VMware's virtual disk format: a text *descriptor* lists *extents*, which are flat files or sparse ones.
///
/// A hosted sparse extent (magic `KDMV`) looks like this; all integers are little-endian, all positions count sectors:
/// ```
///  0        header
///  1        descriptor (text, NUL padded), if embedded
///  rgdOffset  redundant grain directory and its grain tables
///  gdOffset   grain directory ──▶ grain tables ──▶ grains
///  overHead   grains (64 KiB by default)
/// ```
/// A stream-optimized extent is written front to back: each compressed grain is preceded by the sector it belongs to,
/// tables follow the grains they describe, each behind a marker sector, and the grain directory comes last:
/// ```
///  header (gdOffset = all ones) │ descriptor │ grain … grain │ GT marker, GT │ grain … │ GT marker, GT
///  GD marker, GD │ footer marker, footer (a header with the real gdOffset) │ end-of-stream marker
/// ```
/// Source of the facts: VMware's "Virtual Disk Format 5.0" technical note and images written by VMware and QEMU.
package enum VMDK {
    package static let sectorSize: UInt64 = 512

    /// "KDMV" at the start of every hosted sparse extent.
    static let sparseMagic: [UInt8] = Array("KDMV".utf8)
    /// "COWD": the sparse extents of ESXi snapshots.
    static let cowdMagic: [UInt8] = Array("COWD".utf8)
    /// The magic number of seSparse extents, as stored.
    static let seSparseMagic: [UInt8] = [0xBE, 0xBA, 0xFE, 0xCA, 0, 0, 0, 0]

    /// Longest descriptor that is read, in bytes. Real ones have a few hundred bytes; VMware reserves 10 KiB.
    static let maximumDescriptorLength = 1 << 20
    /// Most entries of a disk's grain directories together: 8 MiB of memory. 2 TiB, the most a hosted sparse file can
    /// hold, take 65,536 with default grains and 1 Mi with the smallest legal ones.
    static let maximumDirectoryEntries: UInt64 = 2 << 20
    /// Largest compressed grain, which must be inflated as a whole, in sectors (2 MiB). VMware writes 64 KiB.
    static let maximumCompressedGrain: UInt64 = 4096
    /// Largest grain that is accepted at all, in sectors (1 GiB).
    static let maximumGrain: UInt64 = 2 << 20
}
