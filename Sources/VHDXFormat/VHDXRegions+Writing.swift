import ByteLayout
import DiskImage

extension VHDXRegions {
    /// The region table of a disk that is written.
    /// - Parameters:
    ///   - table: bytes of the file that are the block allocation table.
    ///   - metadata: bytes of the file that are the metadata.
    static func bytes(table: Range<UInt64>, metadata: Range<UInt64>) -> [UInt8] {
        let regions = [(tableGUID, table), (metadataGUID, metadata)]
        var bytes = signature + [UInt8](repeating: 0, count: VHDX.regionTableLength - signature.count)
        bytes.storeLittleEndian(UInt32(regions.count), at: 8)
        for (index, (guid, region)) in regions.enumerated() {
            let entry = 16 + index * 32
            bytes.replaceSubrange(entry..<entry + 16, with: guid.bytes)
            bytes.storeLittleEndian(region.lowerBound, at: entry + 16)
            bytes.storeLittleEndian(UInt32(region.count), at: entry + 24)
            // Required.
            bytes.storeLittleEndian(UInt32(1), at: entry + 28)
        }
        bytes.storeLittleEndian(CRC32C.of(bytes), at: 4)
        return bytes
    }
}
