import ByteLayout
import GuestDisk

/// What FAT32 notes about free clusters in its FSInfo sector, so that systems needn't count them. Only hints, but `fsck`
/// compares.
struct FreeClusterInfo {
    private let device: any BlockDevice
    private let position: UInt64
    private let clusterCount: UInt32

    private static let length = 512
    private static let unknown = UInt32.max

    /// Nil if the filesystem has no such sector, or it lacks its signatures.
    init?(_ device: any BlockDevice, _ geometry: FATGeometry) throws(GuestError) {
        guard let position = geometry.infoSector else { return nil }
        let sector = try device.read(at: position, count: Self.length)
        guard sector.littleEndian(UInt32.self, at: 0) == 0x4161_5252,
            sector.littleEndian(UInt32.self, at: 484) == 0x6141_7272,
            sector.littleEndian(UInt32.self, at: 508) == 0xAA55_0000
        else { return nil }
        self.device = device
        self.position = position
        clusterCount = geometry.clusterCount
    }

    /// Where to look for a free cluster first; 0 if nothing is known.
    func hint() throws(GuestError) -> UInt32 {
        try device.read(at: position + 492, count: 4).littleEndian(UInt32.self, at: 0)
    }

    /// Notes that clusters were taken and freed. A number of free clusters that can't be right is made unknown.
    /// - Parameter hint: the cluster that was taken last; nil if none was.
    func note(taken: Int, freed: Int, hint: UInt32?) throws(GuestError) {
        var fields = try device.read(at: position + 488, count: 8)
        let free = Int(fields.littleEndian(UInt32.self, at: 0)) - taken + freed
        let isKnown = fields.littleEndian(UInt32.self, at: 0) != Self.unknown && (0...Int(clusterCount)).contains(free)
        fields.storeLittleEndian(isKnown ? UInt32(free) : Self.unknown, at: 0)
        if let hint { fields.storeLittleEndian(hint, at: 4) }
        try device.write(fields, at: position + 488)
    }
}
