/// The form of a qcow2 image to write.
package struct QCOW2WriterOptions: Sendable, Equatable {
    /// Bytes of a cluster: a power of two from 512 to 2 MiB.
    package var clusterSize: UInt64 = 65536
    /// Header version: 3 (`compat=1.1`) or 2 (`compat=0.10`).
    package var version: UInt32 = 3
    /// The image's compression type; what `-c` compresses with.
    package var compression: QCOW2Compression = .zlib
    /// Bits of a refcount: a power of two from 1 to 64; 16 in version 2.
    package var refcountBits = 16

    /// Whether an L2 entry tells which of its cluster's 32 subclusters are zero. Version 3, clusters of 16 KiB or more.
    package var hasExtendedL2 = false
    /// Whether QEMU, when it uses the image, may postpone writing reference counts. Version 3.
    package var hasLazyRefcounts = false

    /// Bytes of an L2 table entry.
    var l2EntryLength: UInt64 { hasExtendedL2 ? 16 : 8 }

    package init() {}
}
