/// The feature bits of a superblock: what a program must know that mounts the filesystem, or writes to it.
///
/// Names are those of mke2fs; bits from the kernel's `fs/ext4/ext4.h`.
struct ExtFeatures {
    /// Those that may be unknown.
    var compatible: UInt32
    /// Those without which nothing can be read.
    var incompatible: UInt32
    /// Those without which nothing can be written.
    var readOnlyCompatible: UInt32

    enum Compatible {
        static let journal: UInt32 = 0x4
        static let attributes: UInt32 = 0x8
        static let orphanFile: UInt32 = 0x1000
    }

    enum Incompatible {
        static let compression: UInt32 = 0x1
        static let fileType: UInt32 = 0x2
        static let recover: UInt32 = 0x4
        static let journalDevice: UInt32 = 0x8
        static let metaBlockGroups: UInt32 = 0x10
        static let extents: UInt32 = 0x40
        static let is64Bit: UInt32 = 0x80
        static let dirData: UInt32 = 0x1000
        static let attributeInodes: UInt32 = 0x400
        static let inlineData: UInt32 = 0x8000
        /// All that can be read. Encrypted files are refused one by one.
        static let supported: UInt32 = 0x3_E7D6
    }

    enum ReadOnlyCompatible {
        static let sparseSuperblocks: UInt32 = 0x1
        static let largeFiles: UInt32 = 0x2
        static let btreeDirectories: UInt32 = 0x4
        static let groupChecksums: UInt32 = 0x10
        static let quota: UInt32 = 0x100
        static let bigalloc: UInt32 = 0x200
        static let metadataChecksums: UInt32 = 0x400
        /// All with which something can be written. Not among them: snapshots, replicas, `read-only`, `shared_blocks`.
        static let writable: UInt32 = 0x1_A77B
    }

    /// The names of the features without which nothing can be read, and that can't be dealt with.
    var unsupported: [String] {
        Self.bits(of: incompatible & ~Incompatible.supported).map { bit in
            switch bit {
            case Incompatible.compression: "compression"
            case Incompatible.journalDevice: "journal_dev"
            case Incompatible.dirData: "dirdata"
            default: "FEATURE_I\(bit.trailingZeroBitCount)"
            }
        }
    }

    /// The names of the features that keep us from writing.
    var unwritable: [String] {
        Self.bits(of: readOnlyCompatible & ~ReadOnlyCompatible.writable).map { bit in
            switch bit {
            case 0x80: "snapshot"
            case 0x800: "replica"
            case 0x1000: "read-only"
            case 0x4000: "shared_blocks"
            default: "FEATURE_R\(bit.trailingZeroBitCount)"
            }
        }
    }

    /// What `blkid` calls a filesystem with these features: the oldest type that has them all.
    var type: String {
        let oldIncompatible = Incompatible.fileType | Incompatible.metaBlockGroups
        let oldReadOnly =
            ReadOnlyCompatible.sparseSuperblocks | ReadOnlyCompatible.largeFiles | ReadOnlyCompatible.btreeDirectories
        let hasJournal = compatible & Compatible.journal != 0
        guard incompatible & ~(oldIncompatible | Incompatible.recover) == 0, readOnlyCompatible & ~oldReadOnly == 0
        else {
            return "ext4"
        }
        return hasJournal ? "ext3" : "ext2"
    }

    private static func bits(of set: UInt32) -> [UInt32] {
        (0..<32).map { 1 << $0 }.filter { set & $0 != 0 }
    }
}
