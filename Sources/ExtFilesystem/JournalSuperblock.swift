import ByteLayout
import GuestDisk

/// The first block of a journal. Integers are big-endian, as all of a journal's.
struct JournalSuperblock: Equatable {
    /// Blocks of the journal, with this one.
    var length: UInt32
    /// First block of the ring.
    var first: UInt32
    /// Behind the last block of the ring: what follows is for fast commits.
    var end: UInt32
    /// Number of the first transaction that may not be in place.
    var sequence: UInt32
    /// The block where it starts, 0 if everything is in place.
    var start: UInt32
    /// An error that the filesystem's driver has had, 0 if none.
    var errorNumber: UInt32
    var compatible: UInt32
    var incompatible: UInt32
    var uuid: [UInt8]

    enum Compatible {
        /// A commit block has a CRC-32 of the transaction's blocks.
        static let checksum: UInt32 = 1
    }

    enum Incompatible {
        static let revoke: UInt32 = 1
        static let is64Bit: UInt32 = 2
        /// A commit block is not waited for the blocks to be written.
        static let asynchronousCommit: UInt32 = 4
        static let checksumV2: UInt32 = 8
        static let checksumV3: UInt32 = 0x10
        static let fastCommit: UInt32 = 0x20
        static let supported = revoke | is64Bit | asynchronousCommit | checksumV2 | checksumV3 | fastCommit
    }

    static let checksumField = 252
    /// Bytes that the superblock has, and its checksum is of.
    private static let size = 1024
    /// Blocks for fast commits, if the superblock has no number.
    private static let defaultFastCommitBlocks: UInt32 = 256

    func has(_ bit: UInt32) -> Bool { incompatible & bit != 0 }

    /// Blocks of the log have CRC-32Cs of themselves (versions 2 and 3).
    var hasChecksums: Bool { has(Incompatible.checksumV2) || has(Incompatible.checksumV3) }

    /// Bytes that a block with a table loses to its checksum, at its end.
    var tailLength: Int { hasChecksums ? 4 : 0 }
}

extension JournalSuperblock {
    /// - Throws: `unclean` if it is not one that can be replayed, with the reason.
    init(_ bytes: [UInt8], blockSize: Int) throws(GuestError) {
        func require(_ condition: Bool, _ why: String) throws(GuestError) {
            guard condition else { throw Journal.unclean(why) }
        }
        try require(
            bytes.count >= Self.size && bytes.bigEndian(UInt32.self, at: 0) == Journal.magic, "it has no header")
        let version = bytes.bigEndian(UInt32.self, at: 4)
        try require(version == 3 || version == 4, "its header is of an unknown type")
        try require(
            bytes.bigEndian(UInt32.self, at: 12) == UInt32(blockSize), "its blocks are not of the filesystem's size")
        length = bytes.bigEndian(UInt32.self, at: 16)
        first = bytes.bigEndian(UInt32.self, at: 20)
        sequence = bytes.bigEndian(UInt32.self, at: 24)
        start = bytes.bigEndian(UInt32.self, at: 28)
        errorNumber = bytes.bigEndian(UInt32.self, at: 32)
        let hasFeatures = version == 4
        compatible = hasFeatures ? bytes.bigEndian(UInt32.self, at: 36) : 0
        incompatible = hasFeatures ? bytes.bigEndian(UInt32.self, at: 40) : 0
        uuid = Array(bytes[48..<64])
        end = length
        try require(incompatible & ~Incompatible.supported == 0, "it has features that are not known")
        try require(
            !(has(Incompatible.checksumV2) && has(Incompatible.checksumV3)), "it has two kinds of checksums at once")
        if hasChecksums {
            try require(bytes[80] == 4, "its checksums are of an unknown type")
            try require(
                bytes.bigEndian(UInt32.self, at: Self.checksumField) == Self.checksum(of: bytes),
                "its header's checksum is wrong")
        }
        if has(Incompatible.fastCommit) {
            let stored = bytes.bigEndian(UInt32.self, at: 84)
            let blocks = stored == 0 ? Self.defaultFastCommitBlocks : stored
            try require(blocks < length, "it has no room but for fast commits")
            end = length - blocks
        }
        try require(first >= 1 && first < end, "its header is damaged")
        try require(start == 0 || (first..<end).contains(start), "its header is damaged")
    }

    /// The checksum that a superblock should have: of its bytes, with zeros where the checksum is.
    static func checksum(of bytes: [UInt8]) -> UInt32 {
        var bytes = Array(bytes.prefix(size))
        bytes.storeBigEndian(UInt32(0), at: checksumField)
        var checksum = CRC32C()
        checksum.update(bytes)
        return checksum.linuxValue
    }
}

extension CRC32C {
    /// As Linux has it: without the inversion at the end.
    var linuxValue: UInt32 { ~value }
}
