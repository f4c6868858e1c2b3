import ByteLayout
import GuestDisk

/// Where a block of metadata of version 5 says what it is, by kind of block: so a block that was written elsewhere, or
/// belongs to an earlier filesystem, is not taken for what should be there.
///
/// Offsets in bytes, from "XFS Algorithms & Data Structures", chapter "Self-describing metadata".
struct SelfDescription {
    /// CRC-32C of the block, this field taken for zero. The only field that is little-endian.
    var checksum: Int
    /// Of 64 bits, in sectors of 512 bytes from the device's start.
    var address: Int
    var uuid: Int
    /// Of 64 bits: the inode that the block belongs to; of 32, the allocation group.
    var owner: Int

    /// Nodes of the trees of extents.
    static let extentTree = SelfDescription(checksum: 64, address: 24, uuid: 40, owner: 56)
    /// Nodes of the trees of an allocation group.
    static let groupTree = SelfDescription(checksum: 52, address: 16, uuid: 32, owner: 48)
    /// Blocks of directories that hold entries.
    static let directoryData = SelfDescription(checksum: 4, address: 8, uuid: 24, owner: 40)
    /// Nodes and leaves of directories' and attributes' indexes.
    static let index = SelfDescription(checksum: 12, address: 16, uuid: 32, owner: 48)
    /// Symbolic links and values of attributes that take blocks of their own.
    static let remote = SelfDescription(checksum: 12, address: 40, uuid: 16, owner: 32)

    /// The checksum of `bytes` whose own place is at `field`.
    static func checksum(of bytes: [UInt8], field: Int) -> UInt32 {
        var checksum = CRC32C()
        // Safe: the field is inside every block that has one, and the array's bytes are read during the call only.
        unsafe bytes.withUnsafeBytes { buffer in
            unsafe checksum.update(UnsafeRawBufferPointer(rebasing: buffer[..<field]))
            checksum.update([0, 0, 0, 0])
            unsafe checksum.update(UnsafeRawBufferPointer(rebasing: buffer[(field + 4)...]))
        }
        return checksum.value
    }

    /// Whether `bytes`, read at `offset` of the device, are a block of the filesystem with this UUID, and whole.
    func isSound(_ bytes: [UInt8], at offset: UInt64, uuid expected: [UInt8]) -> Bool {
        bytes.littleEndian(UInt32.self, at: checksum) == Self.checksum(of: bytes, field: checksum)
            && bytes.bigEndian(UInt64.self, at: address) == offset / 512
            && bytes[uuid..<uuid + 16].elementsEqual(expected)
    }
}
