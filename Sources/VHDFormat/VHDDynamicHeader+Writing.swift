import ByteLayout

extension VHDDynamicHeader {
    /// The header of a dynamic disk that is written.
    /// - Parameters:
    ///   - tableOffset: byte offset of the block allocation table.
    ///   - entries: entries of the table.
    ///   - blockSize: bytes of a block.
    static func bytes(tableOffset: UInt64, entries: UInt32, blockSize: UInt32) -> [UInt8] {
        var bytes = VHD.dynamicCookie + [UInt8](repeating: 0, count: VHD.dynamicHeaderLength - VHD.dynamicCookie.count)
        // No further header follows.
        bytes.storeBigEndian(UInt64.max, at: 8)
        bytes.storeBigEndian(tableOffset, at: 16)
        bytes.storeBigEndian(VHD.majorVersion << 16, at: 24)
        bytes.storeBigEndian(entries, at: 28)
        bytes.storeBigEndian(blockSize, at: 32)
        bytes.storeBigEndian(VHD.checksum(bytes, field: 36), at: 36)
        return bytes
    }
}
