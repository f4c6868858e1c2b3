package import DiskImage

/// An internal snapshot: a second L1 table, and when and of what it was made. The machine's state, if it was saved, lies
/// above the end of the disk in the same L1 table.
package struct QCOW2Snapshot: Sendable, Equatable {
    package var info: SnapshotInfo
    package var l1TableOffset: UInt64
    /// Entries of the L1 table.
    package var l1Size: UInt32
    /// Where the snapshot table describes it.
    package var position: UInt64
    /// Bytes of the description.
    var length: UInt64
    /// Bytes of extra data in it.
    var extraLength: UInt32

    /// Bytes of extra data that version 3 demands: sizes of the saved state and of the disk.
    static let completeExtraLength: UInt32 = 16
    /// QEMU's limit of snapshots in an image.
    static let maximumCount: UInt32 = 65536
    /// QEMU's limit of an entry's extra data, in bytes.
    static let maximumExtraLength: UInt32 = 1024
    /// What we read of a snapshot table, in bytes: QEMU's largest number of snapshots, with the names that people give.
    static let maximumTableLength: UInt64 = 16 << 20
    /// What we read of names and ids, in bytes of UTF-8, for all of them are in memory. QEMU's own have at most 255.
    static let maximumNamesLength = 4 << 20
}
