import ByteLayout
import GuestDisk

/// What is found on one way through the log: transactions, as long as they are complete and follow each other.
struct JournalLog {
    let journal: Journal
    /// What checksums start with: the checksum of the journal's UUID.
    let seed: CRC32C
    /// Of complete transactions, in order.
    private(set) var changes: [JournalReplay.Change] = []
    /// The last complete transaction that revokes a block.
    private(set) var revoked: [UInt64: UInt32] = [:]
    /// Number of the transaction after the last complete one.
    private(set) var nextSequence: UInt32

    /// Of the transaction that is being read.
    private var pendingChanges: [JournalReplay.Change] = []
    private var pendingRevoked: [UInt64] = []
    /// The transaction has a block whose checksum is wrong.
    private var isSuspect = false
    private var transactionChecksum = CRC32BigEndian()
    private var lastCommitted: UInt64 = 0

    init(_ journal: Journal) {
        self.journal = journal
        nextSequence = journal.superblock.sequence
        var seed = CRC32C()
        seed.update(journal.superblock.uuid)
        self.seed = seed
    }

    /// Reads from the start of the log to where there is no next block.
    ///
    /// The log was not empty before it was written, and what is left there can look like its continuation: a block whose
    /// checksum is wrong is damage only if it is not older than the transaction before.
    mutating func scan() throws(GuestError) {
        var position = journal.superblock.start
        var left = journal.superblock.end - journal.superblock.first
        while left > 0, let block = JournalBlock(try journal.block(position)), block.sequence == nextSequence {
            let isValid = !journal.superblock.hasChecksums || block.hasValidChecksum(seed: seed)
            var count: UInt32 = 1
            switch block.kind {
            case .descriptor:
                isSuspect = isSuspect || !isValid
                count += try read(descriptor: block, at: position)
            case .revoke:
                isSuspect = isSuspect || !isValid
                try read(revoke: block)
            case .commit:
                guard try commit(block, isValid) else { return }
            }
            guard count <= left else { return }
            left -= count
            position = journal.position(position, advancedBy: count)
        }
    }

    /// Tells how many blocks of content follow.
    private mutating func read(descriptor: JournalBlock, at position: UInt32) throws(GuestError) -> UInt32 {
        let tags = JournalTag.all(in: descriptor, journal.superblock)
        let hasTransactionChecksum = journal.superblock.compatible & JournalSuperblock.Compatible.checksum != 0
        if hasTransactionChecksum { transactionChecksum.update(descriptor.bytes) }
        var next = position
        guard changes.count + pendingChanges.count + tags.count <= JournalReplay.maximumChanges else {
            throw Journal.unclean("it is too large")
        }
        for tag in tags {
            next = journal.position(next)
            pendingChanges.append(
                JournalReplay.Change(position: next, sequence: descriptor.sequence, tag: tag))
            if hasTransactionChecksum { transactionChecksum.update(try journal.block(next)) }
        }
        return UInt32(tags.count)
    }

    private mutating func read(revoke: JournalBlock) throws(GuestError) {
        guard let blocks = revoke.revoked(journal.superblock) else {
            isSuspect = true
            return
        }
        guard revoked.count + pendingRevoked.count + blocks.count <= JournalReplay.maximumChanges else {
            throw Journal.unclean("it is too large")
        }
        pendingRevoked += blocks
    }

    /// Takes the transaction over; false if the log ends before it.
    private mutating func commit(_ block: JournalBlock, _ isValid: Bool) throws(GuestError) -> Bool {
        let hasTransactionChecksum = journal.superblock.compatible & JournalSuperblock.Compatible.checksum != 0
        let isWhole =
            isValid
            && (!hasTransactionChecksum || block.acceptsTransactionChecksum(transactionChecksum.value))
        if isSuspect || !isWhole {
            if block.committed < lastCommitted { return false }
            // Not waited for, it may have been written before what it closes.
            if !isSuspect, journal.superblock.has(JournalSuperblock.Incompatible.asynchronousCommit) { return false }
            throw Journal.unclean("transaction \(block.sequence) is damaged")
        }
        lastCommitted = block.committed
        for block in pendingRevoked { revoked[block] = nextSequence }
        changes += pendingChanges
        pendingChanges = []
        pendingRevoked = []
        transactionChecksum = CRC32BigEndian()
        nextSequence &+= 1
        return true
    }
}
