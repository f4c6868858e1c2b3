/// What a filesystem's structures have beyond the first version that is read.
struct Features: Equatable {
    /// Version 5: metadata has checksums, and says what and where it is.
    var hasChecksums: Bool
    /// Entries of directories tell the type of the file.
    var hasFileTypes: Bool
    /// Blocks can belong to several files; a tree of each allocation group counts how many.
    var hasReflink: Bool
    /// What the kernel would not write to, though it would read it: bits that aren't known here.
    var hasUnknownReadOnlyFeatures: Bool
}

extension Features {
    /// `sb_versionnum`: the lower four bits are the version.
    struct Version: OptionSet {
        let rawValue: UInt16
        static let secondDirectories = Version(rawValue: 0x2000)
        /// `XFS_SB_VERSION_BORGBIT`: names of the same letters in either case are the same.
        static let caseInsensitive = Version(rawValue: 0x4000)
        static let more = Version(rawValue: 0x8000)
    }

    /// `sb_features2`, which `Version.more` says is in use.
    struct Second: OptionSet {
        let rawValue: UInt32
        static let fileTypes = Second(rawValue: 0x200)
    }

    /// `sb_features_incompat`: who doesn't know a bit can't read the filesystem.
    struct Incompatible: OptionSet {
        let rawValue: UInt32
        static let fileTypes = Incompatible(rawValue: 1 << 0)
        static let sparseInodes = Incompatible(rawValue: 1 << 1)
        static let metadataUUID = Incompatible(rawValue: 1 << 2)
        static let bigTime = Incompatible(rawValue: 1 << 3)
        static let needsRepair = Incompatible(rawValue: 1 << 4)
        static let largeExtentCounts = Incompatible(rawValue: 1 << 5)
        static let exchangeRange = Incompatible(rawValue: 1 << 6)
        static let parentPointers = Incompatible(rawValue: 1 << 7)

        /// Times and extent counts have flags in each inode too; sparse chunks of inodes, exchanged ranges and parent
        /// pointers don't change how files are found and read.
        static let known: Incompatible = [
            .fileTypes, .sparseInodes, .metadataUUID, .bigTime, .needsRepair, .largeExtentCounts, .exchangeRange,
            .parentPointers,
        ]
    }

    /// `sb_features_ro_compat`: who doesn't know a bit must not write.
    struct ReadOnlyCompatible: OptionSet {
        let rawValue: UInt32
        static let freeInodeTree = ReadOnlyCompatible(rawValue: 1 << 0)
        static let reverseMap = ReadOnlyCompatible(rawValue: 1 << 1)
        static let reflink = ReadOnlyCompatible(rawValue: 1 << 2)
        static let inodeTreeCounts = ReadOnlyCompatible(rawValue: 1 << 3)
        static let known: ReadOnlyCompatible = [.freeInodeTree, .reverseMap, .reflink, .inodeTreeCounts]
    }
}
