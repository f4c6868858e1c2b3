import ByteLayout
import GuestDisk

/// Files that were removed while they were open, or were being cut when the machine stopped: whoever mounts the filesystem
/// finishes that. They are in a chain that goes through their inodes' times of deletion, or (`orphan_file`) in blocks of numbers.
/// See the kernel's documentation of ext4, "Orphan file".
///
/// Other changes may be made before: what these files have is in use until then.
extension ExtFilesystem {
    private static let blockMagic: UInt32 = 0x0B10_CA04
    /// Magic and checksum at the end of a block.
    private static let tailLength = 8
    /// The kernel makes files of at most 512 blocks.
    private static let maximumFile = 512 * 65536

    /// - Throws: `damaged` if it can't be told.
    func isOrphan(_ file: FileID) throws(GuestError) -> Bool {
        if try isInChain(file) { return true }
        return try isInFile(file)
    }

    private func isInChain(_ file: FileID) throws(GuestError) -> Bool {
        var next = superblock.firstOrphan
        var seen: Set<UInt32> = []
        while next != 0 {
            guard seen.insert(next).inserted else {
                throw GuestError(.damaged, "the list of files to be freed leads back to inode \(next)")
            }
            if UInt64(next) == file.number { return true }
            next = try inode(FileID(UInt64(next))).deleted
        }
        return false
    }

    private func isInFile(_ file: FileID) throws(GuestError) -> Bool {
        guard superblock.orphanFile != 0 else { return false }
        let bytes = try readAll(FileID(UInt64(superblock.orphanFile)), limit: Self.maximumFile)
        for start in stride(from: 0, through: bytes.count - superblock.blockSize, by: superblock.blockSize) {
            let end = start + superblock.blockSize - Self.tailLength
            guard bytes.littleEndian(UInt32.self, at: end) == Self.blockMagic else {
                throw GuestError(.damaged, "the file of files to be freed is damaged")
            }
            for place in stride(from: start, to: end, by: 4)
            where UInt64(bytes.littleEndian(UInt32.self, at: place)) == file.number {
                return true
            }
        }
        return false
    }
}
