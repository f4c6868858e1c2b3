import ByteLayout
import GuestDisk

/// What a journal has to say: the blocks of its complete transactions.
struct JournalReplay {
    /// A block's new content.
    struct Change: Equatable {
        /// Where it is in the journal.
        var position: UInt32
        var sequence: UInt32
        var tag: JournalTag
    }

    /// The last change of each block of the filesystem.
    private(set) var changes: [UInt64: Change] = [:]
    /// Number of the next transaction: one is left out, so that what is left in the log can't look like its continuation.
    let nextSequence: UInt32

    /// Most changes that are kept in memory, 64 MiB: blocks of 2 GiB of log at the smallest size.
    static let maximumChanges = 1 << 21

    /// - Throws: `unclean` if the kernel would not replay the journal either, or it has fast commits.
    init(_ journal: Journal) throws(GuestError) {
        guard journal.superblock.start != 0 else {
            nextSequence = journal.superblock.sequence &+ 1
            return
        }
        var log = JournalLog(journal)
        try log.scan()
        nextSequence = log.nextSequence &+ 1
        try Self.refuseFastCommits(journal, expected: log.nextSequence)
        guard log.changes.count <= Self.maximumChanges else { throw Journal.unclean("it is too large") }
        for change in log.changes {
            // A revocation is of its own transaction too. Numbers wrap.
            if let revoked = log.revoked[change.tag.block], Int32(bitPattern: change.sequence &- revoked) <= 0 {
                continue
            }
            guard change.tag.block < journal.filesystemBlocks else {
                throw Journal.unclean("it has a block that is outside the filesystem")
            }
            changes[change.tag.block] = change
        }
        if journal.superblock.hasChecksums {
            for change in changes.values { try Self.verify(change, journal, seed: log.seed) }
        }
    }

    private static func verify(_ change: Change, _ journal: Journal, seed: CRC32C) throws(GuestError) {
        var checksum = seed
        checksum.update(bigEndian: change.sequence)
        checksum.update(try journal.block(change.position))
        let mask: UInt32 = journal.superblock.has(JournalSuperblock.Incompatible.checksumV3) ? .max : 0xFFFF
        guard checksum.linuxValue & mask == change.tag.checksum & mask else {
            throw Journal.unclean("the checksum of block \(change.position) is wrong")
        }
    }

    /// Writes the changes onto the journal's device.
    func apply(_ journal: Journal) throws(GuestError) {
        // In order, so that what is written one after the other is.
        for block in changes.keys.sorted() {
            guard let change = changes[block] else { continue }
            var bytes = try journal.block(change.position)
            if change.tag.isEscaped { bytes.storeBigEndian(Journal.magic, at: 0) }
            try journal.device.write(bytes, at: block * UInt64(journal.blockSize))
        }
    }

    /// Fast commits say what was done to files, not what blocks are like; they count if they follow the last transaction.
    private static func refuseFastCommits(_ journal: Journal, expected: UInt32) throws(GuestError) {
        guard journal.superblock.has(JournalSuperblock.Incompatible.fastCommit) else { return }
        // The block behind the ring is not used. There is a head, with the number of the transaction that would be next.
        guard journal.superblock.end + 1 < journal.superblock.length else { return }
        let bytes = try journal.block(journal.superblock.end + 1)
        guard bytes.littleEndian(UInt16.self, at: 0) == 9, bytes.littleEndian(UInt32.self, at: 8) == expected else {
            return
        }
        throw Journal.unclean("it ends with fast commits; mount and unmount the filesystem once")
    }
}

extension CRC32C {
    mutating func update(bigEndian value: UInt32) {
        var bytes = [UInt8](repeating: 0, count: 4)
        bytes.storeBigEndian(value, at: 0)
        update(bytes)
    }
}
