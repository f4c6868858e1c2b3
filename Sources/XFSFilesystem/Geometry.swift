/// Where inodes and blocks are on the device.
///
/// The device is divided into allocation groups of the same number of blocks, the last of which may be shorter. Numbers of
/// blocks and inodes have the group in their upper bits; the place in the group takes as many bits as the largest needs:
/// ```
///   block number:  │ group │ block in the group (groupBits)                                     │
///   inode number:  │ group │ block in the group (groupBits) │ inode in the block (inodeBits)    │
/// ```
struct Geometry: Equatable {
    /// `sb_blocksize`, in bytes: a power of two, 512 to 65536.
    var blockSize: Int
    /// `sb_dblocks`: blocks of the whole filesystem.
    var blockCount: UInt64
    /// `sb_agblocks`: blocks of each allocation group but the last.
    var groupSize: UInt64
    /// `sb_agcount`.
    var groupCount: UInt64
    /// `sb_agblklog`.
    var groupBits: Int
    /// `sb_sectsize`, in bytes: what the headers of allocation groups take.
    var sectorSize: Int
    /// `sb_inodesize`, in bytes: a power of two, 256 to 2048.
    var inodeSize: Int
    /// `sb_inopblog`.
    var inodeBits: Int
    /// Bytes of a directory's blocks: a power of two, at most 65536.
    var directoryBlockSize: Int

    /// Where block `number` begins, in bytes; nil if it, or one of the `count` from it on, is not in the group.
    func offset(ofBlock number: BlockNumber, count: UInt64 = 1) -> UInt64? {
        let place = number.number & ((1 << UInt64(groupBits)) - 1)
        return offset(group: number.number >> UInt64(groupBits), place: place, count: count)
    }

    /// Where inode `number` begins, in bytes; nil if there is no such place.
    func offset(ofInode number: UInt64) -> UInt64? {
        let block = BlockNumber(number >> UInt64(inodeBits))
        let index = number & ((1 << UInt64(inodeBits)) - 1)
        return offset(ofBlock: block).map { $0 + index * UInt64(inodeSize) }
    }

    /// Where allocation group `group` begins, in bytes, if there is one.
    func offset(ofGroup group: UInt64) -> UInt64? {
        offset(group: group, place: 0, count: 1)
    }

    /// In which group a block is, and which of its blocks it is.
    func place(of block: BlockNumber) -> (group: UInt64, place: UInt64) {
        (block.number >> UInt64(groupBits), block.number & ((1 << UInt64(groupBits)) - 1))
    }

    /// The block at `place` of `group`.
    func block(group: UInt64, place: UInt64) -> BlockNumber {
        BlockNumber(group << UInt64(groupBits) | place)
    }

    private func offset(group: UInt64, place: UInt64, count: UInt64) -> UInt64? {
        guard group < groupCount, place < groupSize, count <= groupSize - place else { return nil }
        // Can't overflow: a superblock is only accepted if its groups fit the device.
        let block = group * groupSize + place
        guard block < blockCount, count <= blockCount - block else { return nil }
        return block * UInt64(blockSize)
    }
}
