import ByteLayout
import GuestDisk

extension BtrfsSuperblock {
    /// Names of the bits of the incompatible features, as `btrfs inspect-internal dump-super` has them.
    private static let featureNames = [
        "MIXED_BACKREF", "DEFAULT_SUBVOL", "MIXED_GROUPS", "COMPRESS_LZO", "COMPRESS_ZSTD", "BIG_METADATA",
        "EXTENDED_IREF", "RAID56", "SKINNY_METADATA", "NO_HOLES", "METADATA_UUID", "RAID1C34", "ZONED",
        "EXTENT_TREE_V2", "RAID_STRIPE_TREE", "bit 15", "SIMPLE_QUOTA",
    ]
    /// What doesn't change how files are read: all up to RAID1C34, and accounting.
    private static let supportedFeatures: UInt64 = 0xFFF | 1 << 16
    private static let metadataUUIDFeature: UInt64 = 1 << 10

    /// Whether the device has the magic number at the place of the first superblock.
    static func recognises(_ device: any BlockDevice) throws(GuestError) -> Bool {
        guard device.size >= offsets[0] + UInt64(length) else { return false }
        return try device.read(at: offsets[0] + 64, count: 8).littleEndian(UInt64.self, at: 0) == magic
    }

    /// The first superblock, or if that is damaged the newest of the copies.
    /// - Throws: what is wrong with the first one.
    static func read(_ device: any BlockDevice) throws(GuestError) -> BtrfsSuperblock {
        var problem = GuestError(.damaged, "there is no btrfs superblock")
        var newest: BtrfsSuperblock?
        for offset in offsets where offset <= device.size && device.size - offset >= UInt64(length) {
            do throws(GuestError) {
                let found = try BtrfsSuperblock(device, at: offset)
                if offset == offsets[0] { return found }
                if found.generation > newest?.generation ?? 0 { newest = found }
            } catch {
                guard error.code == .damaged else { throw error }
                if offset == offsets[0] { problem = error }
            }
        }
        guard let newest else { throw problem }
        return newest
    }

    private init(_ device: any BlockDevice, at offset: UInt64) throws(GuestError) {
        let bytes = try device.read(at: offset, count: Self.length)
        guard bytes.littleEndian(UInt64.self, at: 64) == Self.magic,
            bytes.littleEndian(UInt64.self, at: 48) == offset
        else { throw GuestError(.damaged, "there is no btrfs superblock at byte \(offset)") }
        checksum = try BtrfsChecksum(type: bytes.littleEndian(UInt16.self, at: 196))
        guard checksum.matches(bytes) else {
            throw GuestError(.damaged, "the btrfs superblock at byte \(offset) has a wrong checksum")
        }
        let features = bytes.littleEndian(UInt64.self, at: 188)
        try Self.requireSupported(features)
        fsid = Array(bytes[32..<48])
        metadataUUID = features & Self.metadataUUIDFeature != 0 ? Array(bytes[571..<587]) : fsid
        generation = bytes.littleEndian(UInt64.self, at: 72)
        root = BtrfsTree.Root(
            address: bytes.littleEndian(UInt64.self, at: 80), level: bytes[198], generation: generation)
        chunkRoot = BtrfsTree.Root(
            address: bytes.littleEndian(UInt64.self, at: 88), level: bytes[199],
            generation: bytes.littleEndian(UInt64.self, at: 164))
        hasLog = bytes.littleEndian(UInt64.self, at: 96) != 0
        let sector = bytes.littleEndian(UInt32.self, at: 144)
        let node = bytes.littleEndian(UInt32.self, at: 148)
        let chunks = bytes.littleEndian(UInt32.self, at: 160)
        guard sector.isPowerOfTwo, node.isPowerOfTwo, (4096...65536).contains(sector), (sector...65536).contains(node),
            chunks <= 2048
        else { throw GuestError(.damaged, "the btrfs superblock tells impossible sizes") }
        sectorSize = Int(sector)
        nodeSize = Int(node)
        systemChunks = Array(bytes[811..<811 + Int(chunks)])
        deviceID = bytes.littleEndian(UInt64.self, at: 201)
        let name = bytes[299..<555].prefix { $0 != 0 }
        label = name.isEmpty ? nil : String(decoding: name, as: UTF8.self)
        obstacle = Self.obstacle(
            flags: bytes.littleEndian(UInt64.self, at: 56), features: bytes.littleEndian(UInt64.self, at: 180))
        let devices = bytes.littleEndian(UInt64.self, at: 136)
        guard devices == 1 else {
            throw GuestError(.unsupported, "the btrfs filesystem is on \(devices) devices, which can't be read")
        }
        let size = bytes.littleEndian(UInt64.self, at: 209)
        guard size <= device.size else {
            throw GuestError(.damaged, "the filesystem has \(size) bytes, the device \(device.size)")
        }
    }

    /// Writing needs to know all flags but those of a superblock in use, and all features that are compatible with reading:
    /// free space tree, whether it is valid, verity, block group tree.
    private static func obstacle(flags: UInt64, features: UInt64) -> String? {
        if flags & ~3 != 0 { return "it is a seed device, a dump or in the middle of a change" }
        return features & ~0xF != 0 ? "it has features that are not known" : nil
    }

    private static func requireSupported(_ features: UInt64) throws(GuestError) {
        let unknown = (0..<64).filter { (features & ~supportedFeatures) >> $0 & 1 == 1 }
        guard unknown.isEmpty else {
            let names = unknown.map { $0 < featureNames.count ? featureNames[$0] : "bit \($0)" }
            throw GuestError(
                .unsupported,
                "the btrfs filesystem has features that can't be read: \(names.joined(separator: ", "))")
        }
    }

    var identity: FilesystemIdentity {
        FilesystemIdentity(type: "btrfs", uuid: fsid.uuidText, label: label)
    }
}
