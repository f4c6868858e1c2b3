import ByteLayout
import DiskImage

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

    /// Entries of the L1 table.
    /// - Throws: `invalidOption` if the disk is too large for the clusters.
    func l1Count(virtualSize: UInt64) throws(ImageError) -> UInt64 {
        // QEMU does not open an image without an L1 table, so an empty disk has one entry.
        let count = max(1, virtualSize.dividedUp(by: clusterSize / l2EntryLength * clusterSize))
        guard count * 8 <= QCOW2.maximumL1Length else {
            throw ImageError(
                .invalidOption, "a disk of \(virtualSize) bytes is too large for clusters of \(clusterSize) bytes",
                advice: "choose a larger -o cluster_size")
        }
        return count
    }
}
