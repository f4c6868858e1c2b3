import GuestDisk

/// The superblock, as far as it is needed outside libext2fs. See the kernel's documentation of ext4, "The Super Block".
struct ExtSuperblock {
    /// Where it is on the device, and its bytes.
    static let offset: UInt64 = 1024
    static let length = 1024
    static let magic: UInt16 = 0xEF53

    var features: ExtFeatures
    /// Bytes: 1024 … 65536.
    var blockSize: Int
    /// Blocks of the filesystem; not more than the device has.
    var blockCount: UInt64
    /// The first block that belongs to a group: 1 if blocks have 1024 bytes, else 0.
    var firstDataBlock: UInt64
    var inodeCount: UInt32
    /// Bytes of an inode in its table: 128 … block size.
    var inodeSize: Int
    /// What the superblock wants of a new inode's fields behind the first 128 bytes.
    var extraInodeSize: UInt16
    /// `s_state`: was unmounted, has errors.
    var state: UInt16
    /// Seconds since 1970, of the last time that the superblock was written.
    var written: UInt32
    var identity: FilesystemIdentity
    /// The inode of the journal, 0 if it is on another device, or there is none.
    var journalInode: UInt32

    /// The first of the inodes that are waiting to be freed or cut; 0 if there are none.
    var firstOrphan: UInt32
    /// The inode of the file that lists more of them, 0 if there is none.
    var orphanFile: UInt32

    static let stateValid: UInt16 = 1
    static let stateErrors: UInt16 = 2

    func has(incompatible bit: UInt32) -> Bool { features.incompatible & bit != 0 }
    func has(readOnlyCompatible bit: UInt32) -> Bool { features.readOnlyCompatible & bit != 0 }

    /// Files can have extended attributes.
    var hasAttributes: Bool {
        features.compatible & ExtFeatures.Compatible.attributes != 0
            || has(incompatible: ExtFeatures.Incompatible.inlineData)
    }

    /// The journal has changes that aren't in place.
    var needsRecovery: Bool {
        features.compatible & ExtFeatures.Compatible.journal != 0 && has(incompatible: ExtFeatures.Incompatible.recover)
    }
}
