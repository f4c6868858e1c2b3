import ByteLayout
import GuestDisk

/// The journal of an ext3 or ext4 filesystem, in the kernel's format jbd2: a ring of blocks, which are in a file.
/// ```
///  superblock │ … │ descriptor │ blocks … │ revoke │ commit │ descriptor │ blocks … │ commit │ … │ fast commits
///             first                                                                            last
/// ```
/// A transaction is what ends with a commit block. A descriptor block says where the blocks that follow it belong; a revoke
/// block says which blocks must not be written by this and earlier transactions. See the kernel's `include/linux/jbd2.h`.
struct Journal {
    let device: any BlockDevice
    /// Bytes of a block, of the journal as of the filesystem.
    let blockSize: Int
    /// Where the blocks of the journal are on the device.
    let runs: [BlockRun]
    /// Blocks of the filesystem.
    let filesystemBlocks: UInt64
    var superblock: JournalSuperblock

    /// What every block of the log begins with, but those that belong elsewhere.
    static let magic: UInt32 = 0xC03B_3998

    /// The journal in the `runs` of a file.
    /// - Throws: `unclean` if it can't be understood.
    init(
        _ device: any BlockDevice, runs: [BlockRun], blockSize: Int, filesystemBlocks: UInt64
    ) throws(GuestError) {
        self.device = device
        self.runs = runs
        self.blockSize = blockSize
        self.filesystemBlocks = filesystemBlocks
        let bytes = try device.read(at: try Self.place(of: 0, runs, blockSize), count: blockSize)
        superblock = try JournalSuperblock(bytes, blockSize: blockSize)
        let present = runs.last?.end ?? 0
        guard UInt64(superblock.length) <= present else {
            throw Self.unclean("it should have \(superblock.length) blocks, its file has \(present)")
        }
    }

    /// Block `number` of the journal.
    func block(_ number: UInt32) throws(GuestError) -> [UInt8] {
        try device.read(at: try Self.place(of: number, runs, blockSize), count: blockSize)
    }

    private static func place(of number: UInt32, _ runs: [BlockRun], _ blockSize: Int) throws(GuestError) -> UInt64 {
        let index = runs.firstIndex(endingBehind: UInt64(number))
        guard index < runs.count, runs[index].logical <= UInt64(number), runs[index].isWritten else {
            throw unclean("its block \(number) is missing")
        }
        return (runs[index].physical + UInt64(number) - runs[index].logical) * UInt64(blockSize)
    }

    /// The position `count` blocks behind `position` in the ring.
    func position(_ position: UInt32, advancedBy count: UInt32 = 1) -> UInt32 {
        // In 64 bits: a hostile journal may end with the last number there is.
        let distance = UInt64(position - superblock.first) + UInt64(count)
        return superblock.first + UInt32(distance % UInt64(superblock.end - superblock.first))
    }

    /// Marks the journal as empty: the next transaction will be number `sequence`. An error that it has recorded is forgotten
    /// here: whoever replays it keeps it in the filesystem's superblock, as the kernel does.
    func clear(nextSequence sequence: UInt32) throws(GuestError) {
        var bytes = try block(0)
        bytes.storeBigEndian(sequence, at: 24)
        bytes.storeBigEndian(UInt32(0), at: 28)
        bytes.storeBigEndian(UInt32(0), at: 32)
        if superblock.hasChecksums {
            bytes.storeBigEndian(JournalSuperblock.checksum(of: bytes), at: JournalSuperblock.checksumField)
        }
        try device.write(bytes, at: try Self.place(of: 0, runs, blockSize))
    }

    /// Why the journal can't be replayed.
    static func unclean(_ why: String) -> GuestError {
        GuestError(.unclean, "the filesystem was not unmounted, and its journal can't be replayed: \(why)")
    }
}
