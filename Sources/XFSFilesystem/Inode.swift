import GuestDisk

/// A file: what it is, whose it is, and where its data and attributes are.
///
/// Facts from "XFS Algorithms & Data Structures", chapter "On-disk inode".
struct Inode {
    let number: UInt64
    /// `di_mode`, `di_uid`, `di_gid`, `di_nlink`, `di_size` and `di_mtime`.
    var status: FileStatus
    var flags: Flags
    /// `di_version`: 3 has a checksum.
    var version: UInt8
    var data: Fork
    /// Extended attributes.
    var attributes: Fork

    /// `di_flags`.
    struct Flags: OptionSet {
        let rawValue: UInt16
        /// The data is on the realtime device.
        static let realtime = Flags(rawValue: 1 << 0)
    }

    /// `di_flags2`, of version 3.
    struct MoreFlags: OptionSet {
        let rawValue: UInt64
        static let bigTime = MoreFlags(rawValue: 1 << 3)
        static let largeExtentCounts = MoreFlags(rawValue: 1 << 4)
    }

    /// Where the fields are that are changed too, in bytes from the inode's start.
    enum Offset {
        static let size = 56
        static let checksum = 100
    }
}
