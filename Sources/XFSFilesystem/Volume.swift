import ByteLayout
import GuestDisk

/// A device and what its superblock says: what is needed to read any structure.
struct Volume {
    let device: any BlockDevice
    let superblock: Superblock

    var geometry: Geometry { superblock.geometry }
    var hasChecksums: Bool { superblock.features.hasChecksums }

    /// The bytes of `count` blocks from `block` on, and where they begin.
    func read(_ block: BlockNumber, count: Int = 1) throws(GuestError) -> (bytes: [UInt8], offset: UInt64) {
        let offset = try offset(of: block, count: UInt64(count))
        return (try device.read(at: offset, count: count * geometry.blockSize), offset)
    }

    /// Where `block` begins, in bytes.
    /// - Throws: `damaged` unless all of the `count` blocks are in one allocation group.
    func offset(of block: BlockNumber, count: UInt64) throws(GuestError) -> UInt64 {
        guard let offset = geometry.offset(ofBlock: block, count: count) else {
            throw GuestError(.damaged, "an XFS structure names the block \(block.number), which is not there")
        }
        return offset
    }

    /// Throws `damaged` unless the block, read at `offset`, is sound and belongs to `inode`. Only version 5 tells.
    func verify(
        _ bytes: [UInt8], at offset: UInt64, _ description: SelfDescription, inode: UInt64
    ) throws(GuestError) {
        guard hasChecksums else { return }
        guard description.isSound(bytes, at: offset, uuid: superblock.metadataUUID),
            bytes.bigEndian(UInt64.self, at: description.owner) == inode
        else {
            throw GuestError(.damaged, "the XFS block at byte \(offset), of inode \(inode), is damaged")
        }
    }
}
