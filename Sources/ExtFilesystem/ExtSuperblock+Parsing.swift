import ByteLayout
import GuestDisk

extension ExtSuperblock {
    /// - Throws: `damaged` if the fields contradict each other or the device, so that libext2fs need not be trusted to notice;
    ///   `unsupported` if there is a feature without which nothing can be read.
    init(_ device: any BlockDevice) throws(GuestError) {
        guard try Self.recognises(device) else {
            throw GuestError(.damaged, "there is no ext2, ext3 or ext4 superblock")
        }
        let bytes = try device.read(at: Self.offset, count: Self.length)
        let isDynamic = bytes.littleEndian(UInt32.self, at: 76) > 0
        guard bytes.littleEndian(UInt32.self, at: 76) <= 1 else {
            throw GuestError(.unsupported, "revision \(bytes.littleEndian(UInt32.self, at: 76)) of ext4 is unknown")
        }
        features = ExtFeatures(
            compatible: isDynamic ? bytes.littleEndian(UInt32.self, at: 92) : 0,
            incompatible: isDynamic ? bytes.littleEndian(UInt32.self, at: 96) : 0,
            readOnlyCompatible: isDynamic ? bytes.littleEndian(UInt32.self, at: 100) : 0)
        guard features.unsupported.isEmpty else {
            throw GuestError(
                .unsupported,
                "the filesystem has features that are not known: \(features.unsupported.joined(separator: ", "))"
            )
        }
        let logBlockSize = bytes.littleEndian(UInt32.self, at: 24)
        guard logBlockSize <= 6 else { throw GuestError(.damaged, "the superblock tells an impossible size of blocks") }
        blockSize = 1024 << Int(logBlockSize)
        let is64Bit = features.incompatible & ExtFeatures.Incompatible.is64Bit != 0
        blockCount =
            UInt64(bytes.littleEndian(UInt32.self, at: 4))
            | (is64Bit ? UInt64(bytes.littleEndian(UInt32.self, at: 336)) << 32 : 0)
        firstDataBlock = UInt64(bytes.littleEndian(UInt32.self, at: 20))
        inodeCount = bytes.littleEndian(UInt32.self, at: 0)
        inodeSize = isDynamic ? Int(bytes.littleEndian(UInt16.self, at: 88)) : 128
        extraInodeSize = bytes.littleEndian(UInt16.self, at: 350)
        state = bytes.littleEndian(UInt16.self, at: 58)
        written = bytes.littleEndian(UInt32.self, at: 48)
        journalInode = bytes.littleEndian(UInt32.self, at: 224)
        firstOrphan = bytes.littleEndian(UInt32.self, at: 232)
        let hasOrphanFile = features.compatible & ExtFeatures.Compatible.orphanFile != 0
        orphanFile = hasOrphanFile ? bytes.littleEndian(UInt32.self, at: 640) : 0
        let label = bytes[120..<136].prefix { $0 != 0 }
        let uuid = bytes[104..<120]
        identity = FilesystemIdentity(
            type: features.type, uuid: uuid.allSatisfy { $0 == 0 } ? nil : uuid.uuidText,
            label: label.isEmpty ? nil : String(decoding: label, as: UTF8.self))
        try validate(bytes, device)
    }

    /// Whether the device has the magic number of a superblock at its place.
    static func recognises(_ device: any BlockDevice) throws(GuestError) -> Bool {
        guard device.size >= offset + UInt64(length) else { return false }
        return try device.read(at: offset + 56, count: 2).littleEndian(UInt16.self, at: 0) == magic
    }

    /// The sums that libext2fs allocates memory by.
    private func validate(_ bytes: [UInt8], _ device: any BlockDevice) throws(GuestError) {
        func require(_ condition: Bool, _ what: String) throws(GuestError) {
            guard condition else { throw GuestError(.damaged, "the superblock tells an impossible \(what)") }
        }
        try require(firstDataBlock <= 1 && blockCount > firstDataBlock, "number of blocks")
        guard blockCount <= device.size / UInt64(blockSize) else {
            throw GuestError(
                .damaged,
                "the filesystem has \(blockCount) blocks of \(blockSize) bytes, the device \(device.size) bytes")
        }
        let logClusterSize = bytes.littleEndian(UInt32.self, at: 28)
        let isBigalloc = has(readOnlyCompatible: ExtFeatures.ReadOnlyCompatible.bigalloc)
        try require(
            !isBigalloc || logClusterSize <= 20 && 1024 << Int(logClusterSize) >= blockSize, "size of clusters")
        let ratio = isBigalloc ? UInt64(1024 << Int(logClusterSize)) / UInt64(blockSize) : 1
        let blocksPerGroup = UInt64(bytes.littleEndian(UInt32.self, at: 32))
        try require(
            blocksPerGroup > 0 && blocksPerGroup % 8 == 0 && blocksPerGroup <= UInt64(blockSize) * 8 * ratio
                && (!isBigalloc || UInt64(bytes.littleEndian(UInt32.self, at: 36)) * ratio == blocksPerGroup),
            "number of blocks of a group")
        let inodesPerGroup = UInt64(bytes.littleEndian(UInt32.self, at: 40))
        try require(inodesPerGroup > 0 && inodesPerGroup <= UInt64(blockSize) * 8, "number of inodes of a group")
        let groups = (blockCount - firstDataBlock).dividedUp(by: blocksPerGroup)
        try require(groups * inodesPerGroup == UInt64(inodeCount), "number of inodes")
        try require(inodeSize.nonzeroBitCount == 1 && (128...blockSize).contains(inodeSize), "size of inodes")
        try validateDescriptors(bytes, groups: groups, require)
    }

    private func validateDescriptors(
        _ bytes: [UInt8], groups: UInt64, _ require: (_ condition: Bool, _ what: String) throws(GuestError) -> Void
    ) throws(GuestError) {
        let is64Bit = has(incompatible: ExtFeatures.Incompatible.is64Bit)
        let size = is64Bit ? Int(bytes.littleEndian(UInt16.self, at: 254)) : 32
        try require(
            size.nonzeroBitCount == 1 && size >= (is64Bit ? 64 : 32) && size <= 1024, "size of group descriptors")
        let blocks = groups.dividedUp(by: UInt64(blockSize / size))
        try require(blocks < blockCount, "number of groups")
        // libext2fs has all of them in memory: 64 MiB are those of 128 TiB.
        try require(groups * UInt64(size) <= 64 << 20, "number of groups")
        try require(bytes.littleEndian(UInt32.self, at: 260) <= blocks, "first meta block group")
        try require(Int(bytes.littleEndian(UInt16.self, at: 206)) <= blockSize / 4, "number of reserved blocks")
        try require(bytes[372] < 32, "size of a flexible group")
    }
}
