import ByteLayout
import DiskImage

extension VHDXMetadata {
    /// A disk without parent.
    init(
        blockSize: UInt64, keepsBlocks: Bool, virtualSize: UInt64, logicalSectorSize: UInt64, physicalSectorSize: UInt64
    ) {
        self.blockSize = blockSize
        self.keepsBlocks = keepsBlocks
        self.virtualSize = virtualSize
        self.logicalSectorSize = logicalSectorSize
        self.physicalSectorSize = physicalSectorSize
    }

    /// The bytes of the metadata region, up to the last that is used.
    /// - Parameter diskIdentifier: what the guest sees as the disk's identity (SCSI's page 83).
    func bytes(diskIdentifier: GUID) -> [UInt8] {
        var bytes = Self.signature + [UInt8](repeating: 0, count: Self.tableLength - Self.signature.count)
        func littleEndian(_ values: UInt64...) -> [UInt8] {
            values.flatMap { value in (0..<4).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) } }
        }
        let items: [(item: Item, content: [UInt8], isOfDisk: Bool)] = [
            (.fileParameters, littleEndian(blockSize, keepsBlocks ? 1 : 0), false),
            (.virtualSize, littleEndian(virtualSize, virtualSize >> 32), true),
            (.diskIdentifier, diskIdentifier.bytes, true),
            (.logicalSectorSize, littleEndian(logicalSectorSize), true),
            (.physicalSectorSize, littleEndian(physicalSectorSize), true),
        ]
        bytes.storeLittleEndian(UInt16(items.count), at: 10)
        for (index, (item, content, isOfDisk)) in items.enumerated() {
            let entry = 32 + index * 32
            bytes.replaceSubrange(entry..<entry + 16, with: item.guid.bytes)
            bytes.storeLittleEndian(UInt32(bytes.count), at: entry + 16)
            bytes.storeLittleEndian(UInt32(content.count), at: entry + 20)
            // Required, and whether it belongs to the disk, not to the file.
            bytes.storeLittleEndian(UInt32(isOfDisk ? 6 : 4), at: entry + 24)
            bytes += content
        }
        return bytes
    }
}
