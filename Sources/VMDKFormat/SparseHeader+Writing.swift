import ByteLayout

extension SparseHeader {
    /// Sectors of a grain that is written: 64 KiB, as in every product's images.
    static let writtenGrain: UInt64 = 128
    /// Entries of a grain table that is written; VMware knows no other number.
    static let writtenTableEntries: UInt64 = 512
    /// Sectors for an embedded descriptor. It takes a tenth of them; VirtualBox adds lines in place.
    static let writtenDescriptorSize: UInt64 = 20

    /// The header of an extent that is written.
    init(
        version: UInt32, flags: Flags, capacity: UInt64, descriptorSize: UInt64, directoryOffset: UInt64,
        redundantDirectoryOffset: UInt64 = 0
    ) {
        self.init(
            version: version, flags: flags, capacity: capacity, grainSize: Self.writtenGrain,
            descriptorOffset: descriptorSize == 0 ? 0 : 1, descriptorSize: descriptorSize,
            grainTableEntries: Self.writtenTableEntries, redundantDirectoryOffset: redundantDirectoryOffset,
            directoryOffset: directoryOffset, isUnclean: false, isCompressed: flags.contains(.compressed))
    }

    /// The sector on disk.
    /// - Parameter overhead: sectors before the first grain.
    func bytes(overhead: UInt64) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Self.length)
        bytes.replaceSubrange(0..<4, with: VMDK.sparseMagic)
        bytes.storeLittleEndian(version, at: 4)
        bytes.storeLittleEndian(flags.rawValue, at: 8)
        bytes.storeLittleEndian(capacity, at: 12)
        bytes.storeLittleEndian(grainSize, at: 20)
        bytes.storeLittleEndian(descriptorOffset, at: 28)
        bytes.storeLittleEndian(descriptorSize, at: 36)
        bytes.storeLittleEndian(UInt32(grainTableEntries), at: 44)
        bytes.storeLittleEndian(redundantDirectoryOffset, at: 48)
        bytes.storeLittleEndian(directoryOffset, at: 56)
        bytes.storeLittleEndian(overhead, at: 64)
        bytes.replaceSubrange(73..<77, with: [0x0A, 0x20, 0x0D, 0x0A])
        bytes.storeLittleEndian(UInt16(isCompressed ? 1 : 0), at: 77)
        return bytes
    }
}
