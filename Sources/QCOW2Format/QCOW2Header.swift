/// The fixed part of a qcow2 header.
struct QCOW2Header: Equatable {
    /// Bytes of a version 2 header.
    static let version2Length = 72
    /// Bytes of the shortest version 3 header.
    static let version3Length = 104

    /// 2 or 3.
    var version: UInt32
    var backingFileOffset: UInt64
    /// Bytes of the backing file's name.
    var backingFileSize: UInt32
    var clusterBits: Int
    /// Bytes of the virtual disk.
    var size: UInt64
    /// 0 none, 1 AES, 2 ``luks``.
    var cryptMethod: UInt32
    /// Entries of the L1 table.
    var l1Size: UInt32
    var l1TableOffset: UInt64
    var refcountTableOffset: UInt64
    var refcountTableClusters: UInt32
    var snapshotCount: UInt32
    var snapshotsOffset: UInt64
    var incompatible: IncompatibleFeatures
    var compatible: UInt64
    var autoclear: UInt64
    /// A refcount has `1 << refcountOrder` bits.
    var refcountOrder: UInt32
    /// Bytes of the header; header extensions follow.
    var headerLength: UInt32
    var compression: QCOW2Compression

    struct IncompatibleFeatures: OptionSet {
        let rawValue: UInt64
        static let dirty = IncompatibleFeatures(rawValue: 1 << 0)
        static let corrupt = IncompatibleFeatures(rawValue: 1 << 1)
        static let externalDataFile = IncompatibleFeatures(rawValue: 1 << 2)
        static let compressionType = IncompatibleFeatures(rawValue: 1 << 3)
        static let extendedL2 = IncompatibleFeatures(rawValue: 1 << 4)
        static let known: IncompatibleFeatures = [.dirty, .corrupt, .externalDataFile, .compressionType, .extendedL2]
    }

    /// Bit 0 of ``compatible``.
    static let lazyRefcounts: UInt64 = 1 << 0
    /// Bit 0 of ``autoclear``: the persistent bitmaps are consistent with the data.
    static let bitmaps: UInt64 = 1 << 0
    /// Bit 1 of ``autoclear``: the external data file is the guest's disk, zeros included.
    static let rawDataFile: UInt64 = 1 << 1

    /// The autoclear bits that are known here.
    static let knownAutoclear = bitmaps | rawDataFile

    /// The ``cryptMethod`` of images with a LUKS header.
    static let luks: UInt32 = 2

    /// How QEMU calls the encryption, nil for none.
    var encryptionName: String? {
        switch cryptMethod {
        case 0: nil
        case 1: "aes"
        default: "luks"
        }
    }

    /// Bytes of a cluster.
    var clusterSize: UInt64 { 1 << UInt64(clusterBits) }
    /// Bytes of an L2 table entry.
    var l2EntryLength: UInt64 { incompatible.contains(.extendedL2) ? 16 : 8 }
    /// The units whose storage is told separately: clusters, or the 32 subclusters of a cluster with extended L2.
    var unitsPerCluster: Int { incompatible.contains(.extendedL2) ? 32 : 1 }
    /// Bytes of a unit.
    var unitSize: UInt64 { clusterSize / UInt64(unitsPerCluster) }
    /// Bytes of virtual disk that one L2 table describes.
    var l2Coverage: UInt64 { clusterSize / l2EntryLength * clusterSize }
}
