import ByteLayout
import GuestDisk

extension FATGeometry {
    /// Bytes of the boot sector that are read, whatever the size of sectors.
    private static let bootSectorLength = 512
    /// What other systems write where FAT has the name of the program that formatted it.
    private static let foreignNames = ["NTFS    ", "EXFAT   ", "-FVE-FS-", "ReFS\0\0\0\0"].map { Array($0.utf8) }

    /// Whether the first sector is that of a FAT filesystem rather than a partition table, or that of NTFS or exFAT.
    static func recognises(_ device: any BlockDevice) throws(GuestError) -> Bool {
        guard device.size >= UInt64(bootSectorLength) else { return false }
        let sector = try device.read(at: 0, count: bootSectorLength)
        guard sector.littleEndian(UInt16.self, at: 510) == 0xAA55, !foreignNames.contains(Array(sector[3..<11])) else {
            return false
        }
        // Jumps over the parameters; boot code that begins with a jump needs more to be a boot sector of FAT.
        guard sector[0] == 0xEB || sector[0] == 0xE9 else { return false }
        let isNamed = [54, 82].contains { sector[$0..<$0 + 3].elementsEqual("FAT".utf8) }
        return isNamed || isPlausible(sector)
    }

    /// The fields that all types have.
    private static func isPlausible(_ sector: [UInt8]) -> Bool {
        let sectorSize = sector.littleEndian(UInt16.self, at: 11)
        return sectorSize.isPowerOfTwo && (512...4096).contains(sectorSize)
            && sector[13].isPowerOfTwo
            && sector.littleEndian(UInt16.self, at: 14) > 0
            && (1...2).contains(sector[16])
            && (sector[21] == 0xF0 || sector[21] >= 0xF8)
    }

    /// - Throws: `damaged` if the fields contradict each other or the device; `unsupported` for a version of FAT32 that isn't
    ///   known.
    init(_ device: any BlockDevice) throws(GuestError) {
        guard try Self.recognises(device) else { throw GuestError(.damaged, "there is no boot sector of FAT") }
        let sector = try device.read(at: 0, count: Self.bootSectorLength)
        guard Self.isPlausible(sector) else { throw Self.impossible("sizes") }
        sectorSize = Int(sector.littleEndian(UInt16.self, at: 11))
        clusterSize = sectorSize * Int(sector[13])
        let shortTable = sector.littleEndian(UInt16.self, at: 22)
        let isFAT32 = shortTable == 0
        if isFAT32, sector.littleEndian(UInt16.self, at: 42) != 0 {
            throw GuestError(.unsupported, "version \(sector.littleEndian(UInt16.self, at: 42)) of FAT32 is unknown")
        }
        // None of these products and sums can overflow: the factors have 32 and 16 bits.
        let unit = UInt64(sectorSize)
        tableSize = unit * (isFAT32 ? UInt64(sector.littleEndian(UInt32.self, at: 36)) : UInt64(shortTable))
        let firstTable = unit * UInt64(sector.littleEndian(UInt16.self, at: 14))
        let tableCount = UInt64(sector[16])
        let rootStart = firstTable + tableCount * tableSize
        let rootEntries = UInt64(sector.littleEndian(UInt16.self, at: 17))
        dataStart = rootStart + (rootEntries * 32).alignedUp(to: unit)
        let shortCount = sector.littleEndian(UInt16.self, at: 19)
        let sectors = shortCount != 0 ? UInt64(shortCount) : UInt64(sector.littleEndian(UInt32.self, at: 32))
        guard sectors <= device.size / unit else {
            throw GuestError(
                .damaged, "the filesystem has \(sectors) sectors of \(unit) bytes, the device \(device.size) bytes")
        }
        guard tableSize > 0, dataStart < sectors * unit else { throw Self.impossible("number of sectors") }
        let count = (sectors * unit - dataStart) / UInt64(clusterSize)
        guard (1...0x0FFF_FFF4).contains(count) else { throw Self.impossible("number of clusters") }
        clusterCount = UInt32(count)
        width = isFAT32 ? .fat32 : clusterCount > Self.maximumFAT12Clusters ? .fat16 : .fat12
        guard (count + 2) * UInt64(width.rawValue) <= tableSize * 8, width == .fat32 || count <= 65524 else {
            throw GuestError(.damaged, "the file allocation table is too small for \(count) clusters")
        }
        guard isFAT32 == (rootEntries == 0) else { throw Self.impossible("number of entries of the root directory") }
        tables = (0..<tableCount).map { [tableSize] in firstTable + $0 * tableSize }
        rootRegion = isFAT32 ? rootStart..<rootStart : rootStart..<rootStart + rootEntries * 32
        rootCluster = 0
        infoSector = nil
        let extended = isFAT32 ? 64 : 36
        let hasExtension = sector[extended + 2] == 0x28 || sector[extended + 2] == 0x29
        let number = sector.littleEndian(UInt32.self, at: extended + 3)
        serial = hasExtension && number != 0 ? number : nil
        label = sector[extended + 2] == 0x29 ? Array(sector[extended + 7..<extended + 18]) : nil
        if isFAT32 { try readExtension(sector, reserved: firstTable) }
    }

    /// What only FAT32 has.
    private mutating func readExtension(_ sector: [UInt8], reserved: UInt64) throws(GuestError) {
        rootCluster = sector.littleEndian(UInt32.self, at: 44)
        guard clusters.contains(rootCluster) else { throw Self.impossible("root directory") }
        let flags = sector.littleEndian(UInt16.self, at: 40)
        if flags & 0x80 != 0 {
            guard Int(flags & 0xF) < tables.count else { throw Self.impossible("active table") }
            tables = [tables[Int(flags & 0xF)]]
        }
        let info = UInt64(sector.littleEndian(UInt16.self, at: 48)) * UInt64(sectorSize)
        infoSector = info > 0 && info < reserved ? info : nil
    }

    private static func impossible(_ what: String) -> GuestError {
        GuestError(.damaged, "the boot sector tells an impossible \(what)")
    }
}
