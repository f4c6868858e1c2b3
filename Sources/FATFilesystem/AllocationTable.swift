import ByteLayout
import GuestDisk

/// The file allocation table: an entry for each cluster, which says what cluster follows it in its file.
final class AllocationTable {
    /// What a table says of a cluster.
    enum Entry: Equatable {
        case free
        /// Followed by this cluster, which is one of the filesystem.
        case next(UInt32)
        /// The last of its file.
        case end
        /// Can't be used, or the entry is impossible.
        case bad
    }

    private let device: any BlockDevice
    let geometry: FATGeometry
    /// Pages of the table that were read, each in the place that its number gives it.
    private var pages = [(number: UInt64, bytes: [UInt8])?](repeating: nil, count: AllocationTable.cachedPages)

    private static let pageSize: UInt64 = 4096
    /// 256 KiB: all of the table of most EFI system partitions.
    private static let cachedPages = 64

    init(_ device: any BlockDevice, _ geometry: FATGeometry) {
        self.device = device
        self.geometry = geometry
    }

    /// What it says of `cluster`, which is one of the filesystem.
    func entry(of cluster: UInt32) throws(GuestError) -> Entry {
        let value = try value(of: cluster)
        let last: UInt32 = mask & ~7
        switch value {
        case 0: return .free
        case last...: return .end
        case _ where geometry.clusters.contains(value): return .next(value)
        default: return .bad
        }
    }

    /// Says of `cluster` that it is followed by `next`, or is the last if that is nil, in every table.
    func link(_ cluster: UInt32, to next: UInt32?) throws(GuestError) {
        try set(cluster, next ?? mask)
    }

    func free(_ cluster: UInt32) throws(GuestError) {
        try set(cluster, 0)
    }

    /// Whether the system that used it last has met no errors in writing. What it says of being unmounted is of no
    /// interest: files that were not finished have no entries yet, or clusters that nothing else is given.
    func hasNoErrors() throws(GuestError) -> Bool {
        switch geometry.width {
        case .fat12: true
        case .fat16: try value(of: 1) & 0x4000 != 0
        case .fat32: try value(of: 1) & 0x0400_0000 != 0
        }
    }

    /// All bits of an entry that say something.
    private var mask: UInt32 {
        switch geometry.width {
        case .fat12: 0xFFF
        case .fat16: 0xFFFF
        case .fat32: 0x0FFF_FFFF
        }
    }

    private func value(of cluster: UInt32) throws(GuestError) -> UInt32 {
        let place = place(of: cluster)
        var value: UInt32 = 0
        for index in (0..<place.count).reversed() {
            value = try value << 8 | UInt32(byte(at: place.offset + UInt64(index)))
        }
        return value >> place.shift & mask
    }

    /// Leaves the bits alone that are not the entry's: half a byte of a neighbour's in FAT12, four reserved ones in FAT32.
    private func set(_ cluster: UInt32, _ value: UInt32) throws(GuestError) {
        let place = place(of: cluster)
        let keep = ~(mask << place.shift)
        var bytes: [UInt8] = []
        for index in 0..<place.count {
            let shift = UInt32(index * 8)
            let old = try byte(at: place.offset + UInt64(index)) & UInt8(truncatingIfNeeded: keep >> shift)
            bytes.append(old | UInt8(truncatingIfNeeded: (value << place.shift) >> shift))
        }
        for table in geometry.tables { try device.write(bytes, at: table + place.offset) }
        for index in 0..<place.count {
            let offset = place.offset + UInt64(index)
            pages[slot(of: offset)]?.bytes[Int(offset % Self.pageSize)] = bytes[index]
        }
    }

    /// The bytes of a table that an entry is in, and by how many bits it is shifted in them.
    private func place(of cluster: UInt32) -> (offset: UInt64, count: Int, shift: UInt32) {
        let cluster64 = UInt64(cluster)
        return switch geometry.width {
        case .fat12: (cluster64 * 3 / 2, 2, cluster & 1 == 1 ? 4 : 0)
        case .fat16: (cluster64 * 2, 2, 0)
        case .fat32: (cluster64 * 4, 4, 0)
        }
    }

    private func slot(of offset: UInt64) -> Int { Int(offset / Self.pageSize % UInt64(Self.cachedPages)) }

    private func byte(at offset: UInt64) throws(GuestError) -> UInt8 {
        let number = offset / Self.pageSize
        let slot = slot(of: offset)
        if let page = pages[slot], page.number == number { return page.bytes[Int(offset % Self.pageSize)] }
        let start = number * Self.pageSize
        let bytes = try device.read(
            at: geometry.tables[0] + start, count: Int(min(Self.pageSize, geometry.tableSize - start)))
        pages[slot] = (number, bytes)
        return bytes[Int(offset % Self.pageSize)]
    }
}
