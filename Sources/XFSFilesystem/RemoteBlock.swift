import ByteLayout
import GuestDisk

/// Blocks with a part of a symbolic link, or of the value of an attribute, that has no room elsewhere. Version 5 puts a
/// header in front:
/// ```
///   magic 4 │ where in the whole the part begins 4 │ bytes of the part 4 │ checksum 4 │ … 56
/// ```
struct RemoteBlock {
    /// Bytes of the header.
    private static let headerLength = 56
    static let linkMagic: UInt32 = 0x5853_4C4D  // XSLM
    static let valueMagic: UInt32 = 0x5841_524D  // XARM

    /// At most as many bytes as are wanted.
    let content: ArraySlice<UInt8>

    /// - Parameters:
    ///   - offset: where `bytes` are on the device.
    ///   - position: how many bytes of the whole the blocks before this have.
    ///   - length: how many bytes of the whole are missing.
    init(
        _ bytes: [UInt8], at offset: UInt64, magic: UInt32, position: Int, length: Int, _ map: ForkMap
    ) throws(GuestError) {
        guard map.volume.hasChecksums else {
            content = bytes.prefix(length)
            return
        }
        let stored = Int(bytes.bigEndian(UInt32.self, at: 8))
        guard bytes.bigEndian(UInt32.self, at: 0) == magic, Int(bytes.bigEndian(UInt32.self, at: 4)) == position,
            stored > 0, stored <= min(length, bytes.count - Self.headerLength)
        else { throw GuestError(.damaged, "the XFS block at byte \(offset), of inode \(map.inode), is damaged") }
        try map.volume.verify(bytes, at: offset, .remote, inode: map.inode)
        content = bytes[Self.headerLength..<Self.headerLength + stored]
    }
}
