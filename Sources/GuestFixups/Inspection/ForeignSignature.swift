import GuestDisk

/// Content that is recognised, but neither read nor changed.
enum ForeignSignature {
    private struct Signature {
        var offset: UInt64
        var bytes: [UInt8]
        /// What `blkid` calls it.
        var type: String

        init(_ type: String, _ offset: UInt64, _ bytes: [UInt8]) {
            self.offset = offset
            self.bytes = bytes
            self.type = type
        }
    }

    /// Offsets and bytes as file(1) and blkid(8) have them.
    private static let signatures = [
        Signature("crypto_LUKS", 0, Array("LUKS".utf8) + [0xBA, 0xBE]),
        Signature("BitLocker", 3, Array("-FVE-FS-".utf8)),
        Signature("ntfs", 3, Array("NTFS    ".utf8)),
        Signature("ReFS", 3, Array("ReFS".utf8)),
        Signature("exfat", 3, Array("EXFAT   ".utf8)),
        Signature("iso9660", 32769, Array("CD001".utf8)),
        Signature("squashfs", 0, Array("hsqs".utf8)),
        Signature("f2fs", 1024, [0x10, 0x20, 0xF5, 0xF2]),
        Signature("reiserfs", 65588, Array("ReIsEr".utf8)),
        Signature("jfs", 32768, Array("JFS1".utf8)),
        Signature("VMFS_volume_member", 1 << 20, [0x0D, 0xD0, 0x01, 0xC0]),
    ]

    /// Where ZFS keeps the ring of uberblocks in its first label.
    private static let uberblocks = (offset: UInt64(128 << 10), count: 128, length: 1024)

    /// Nil if it is none of those that are known.
    static func type(of device: any BlockDevice) throws(GuestError) -> String? {
        for signature in signatures where try device.has(signature.bytes, at: signature.offset) {
            return signature.type
        }
        if try RAIDSuperblock.isOn(device) { return "linux_raid_member" }
        return try hasUberblock(device) ? "zfs_member" : nil
    }

    /// The UUID in the header of LUKS, of both versions (offset 168, 40 bytes of text).
    static func uuidOfLUKS(_ device: any BlockDevice) throws(GuestError) -> String? {
        guard device.size >= 208 else { return nil }
        let bytes = try device.read(at: 168, count: 40)
        let text = String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        return text.isEmpty ? nil : text
    }

    private static func hasUberblock(_ device: any BlockDevice) throws(GuestError) -> Bool {
        let length = uberblocks.count * uberblocks.length
        guard device.size >= uberblocks.offset + UInt64(length) else { return false }
        let ring = try device.read(at: uberblocks.offset, count: length)
        let magic: [UInt8] = [0x0C, 0xB1, 0xBA, 0x00, 0, 0, 0, 0]
        return (0..<uberblocks.count).contains { ring[($0 * uberblocks.length)...].starts(with: magic) }
    }
}
