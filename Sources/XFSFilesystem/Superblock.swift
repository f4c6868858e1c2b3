import ByteLayout
import GuestDisk

/// What the first sector says of the filesystem: its layout, what its structures have, and where its log is.
///
/// Facts from "XFS Algorithms & Data Structures" (3rd edition), chapter "Superblocks".
struct Superblock {
    static let magic = Array("XFSB".utf8)

    var geometry: Geometry
    var features: Features
    /// `sb_rootino`.
    var rootInode: UInt64
    /// `sb_uuid`: what `blkid` prints.
    var uuid: [UInt8]
    /// `sb_meta_uuid` if the UUID was changed after the filesystem was made: what blocks of metadata have; `sb_uuid` else.
    var metadataUUID: [UInt8]
    /// `sb_fname`, without the zeros that fill it up.
    var label: [UInt8]
    /// Where the log is.
    var log: LogLocation

    enum LogLocation: Equatable {
        /// In the filesystem: the bytes that it takes.
        case `internal`(Range<UInt64>)
        /// On a device of its own (`sb_logstart` is 0).
        case external
    }

    /// The UUID and the label, as `blkid` prints them.
    var identity: FilesystemIdentity {
        FilesystemIdentity(
            type: "xfs", uuid: uuid.allSatisfy { $0 == 0 } ? nil : uuid.uuidText,
            label: label.isEmpty ? nil : String(decoding: label, as: UTF8.self))
    }
}
