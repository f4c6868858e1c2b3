import ByteLayout
import GuestDisk

extension ExtFilesystem {
    /// Puts what is only in the journal into its place on `device`, and says so in both superblocks.
    /// - Throws: `unclean` if the journal can't be replayed; nothing has been written then.
    static func recover(_ device: any BlockDevice, _ superblock: ExtSuperblock) throws(GuestError) {
        guard superblock.journalInode != 0 else { throw Journal.unclean("it is on another device") }
        let journal = try ExtFilesystem(unrecovered: device, superblock).journal()
        let replay = try JournalReplay(journal)
        try replay.apply(journal)
        try journal.clear(nextSequence: replay.nextSequence)
        // Read again: it is among what the journal has.
        var bytes = try device.read(at: ExtSuperblock.offset, count: ExtSuperblock.length)
        let features = bytes.littleEndian(UInt32.self, at: 96)
        bytes.storeLittleEndian(features & ~ExtFeatures.Incompatible.recover, at: 96)
        if journal.superblock.errorNumber != 0 {
            bytes.storeLittleEndian(bytes.littleEndian(UInt16.self, at: 58) | ExtSuperblock.stateErrors, at: 58)
        }
        if superblock.has(readOnlyCompatible: ExtFeatures.ReadOnlyCompatible.metadataChecksums) {
            var checksum = CRC32C()
            checksum.update(Array(bytes.dropLast(4)))
            bytes.storeLittleEndian(checksum.linuxValue, at: ExtSuperblock.length - 4)
        }
        try device.write(bytes, at: ExtSuperblock.offset)
    }

    /// The journal, whose inode and blocks the filesystem does not change while it is mounted.
    private func journal() throws(GuestError) -> Journal {
        let file = FileID(UInt64(superblock.journalInode))
        let inode = try inode(file, .regular, action: "replayed")
        return try Journal(
            device, runs: try runs(of: file, inode), blockSize: superblock.blockSize,
            filesystemBlocks: superblock.blockCount)
    }
}
