/// The form of a qcow2 image.
public struct QCOW2Options: Sendable, Equatable {
    /// How clusters are compressed.
    public enum Compression: String, Sendable, CaseIterable {
        /// Deflate; every reader of qcow2 knows it.
        case zlib
        /// Zstandard; needs `compat` 1.1 and QEMU 5.1 or later.
        case zstd
    }

    /// What is allocated for clusters that nothing is written to.
    public enum Preallocation: String, Sendable, CaseIterable {
        /// Nothing.
        case off
        /// A place in the file, which is sparse.
        case metadata
        /// A place in the file, and storage.
        case falloc
        /// As ``falloc``, and every byte is written.
        case full
    }

    /// Bytes of a cluster: a power of two from 512 to 2 MiB.
    public var clusterSize = 65536
    /// Version 2 of the format (`compat=0.10`), which very old QEMUs read, instead of 3.
    public var isVersion2 = false
    /// The compression type.
    public var compression = Compression.zlib
    /// Bits of a reference count: 1, 2, 4, 8, 16, 32 or 64; only 16 in version 2.
    public var refcountBits = 16
    /// Tell zeros by subclusters, 32 of them a cluster (`extended_l2`). Needs `compat` 1.1, clusters of at least 16 KiB,
    /// and QEMU 5.2 or later.
    public var hasExtendedL2 = false
    /// Let QEMU postpone its writing of reference counts (`lazy_refcounts`). Needs `compat` 1.1.
    public var hasLazyRefcounts = false
    /// What is allocated in advance. Not for compressed images; over a backing file only with ``hasExtendedL2``.
    public var preallocation = Preallocation.off
    /// The file over which the image lies: the image stores only clusters that differ from it.
    public var backing: BackingFile?
    /// Name of a file that holds the data, each cluster where the guest has it (`data_file`), relative to the image's
    /// directory unless it is absolute. (QEMU 7.2 looks for a relative name in its current directory.) Needs `compat` 1.1;
    /// not for compressed images.
    public var dataFile: String?
    /// Promises that the data file is the guest's disk, readable without the image (`data_file_raw`). As with QEMU, every
    /// cluster gets its place.
    public var isDataFileRaw = false

    /// Bytes whose zeros are told separately.
    var zeroGranularity: Int { hasExtendedL2 ? clusterSize / 32 : clusterSize }

    /// Version 3, clusters of 64 KiB.
    public init() {}
}
