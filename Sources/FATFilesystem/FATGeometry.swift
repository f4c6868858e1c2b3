/// Where things are in a FAT filesystem, as the BIOS parameter block of its first sector tells.
/// ```
///   boot sector │ reserved (FAT32: FSInfo) │ FAT │ FAT, a copy │ root (FAT12, FAT16) │ cluster 2 │ cluster 3 │ …
/// ```
/// Facts from Microsoft's "FAT: General Overview of On-Disk Format" 1.03; where systems differ, as Linux has it.
struct FATGeometry: Equatable {
    /// How many bits an entry of the file allocation table has.
    enum Width: Int {
        case fat12 = 12
        case fat16 = 16
        case fat32 = 32
    }

    var width: Width
    /// Bytes: 512 … 4096.
    var sectorSize: Int
    /// Bytes, a power of two: 512 … 512 KiB.
    var clusterSize: Int
    /// Clusters of the data region; they are numbered from 2 on. Not more than the device and the table have.
    var clusterCount: UInt32
    /// Where each table that is kept up to date begins, in bytes; the first of them is read.
    var tables: [UInt64]
    /// Bytes of one table.
    var tableSize: UInt64
    /// The root directory of FAT12 and FAT16, in bytes of the device; empty in FAT32.
    var rootRegion: Range<UInt64>
    /// The first cluster of FAT32's root directory; else 0.
    var rootCluster: UInt32
    /// Where cluster 2 begins, in bytes.
    var dataStart: UInt64
    /// Where FAT32 keeps the number of free clusters, in bytes; nil if it doesn't.
    var infoSector: UInt64?
    /// The volume's number; nil if there is none.
    var serial: UInt32?
    /// The label of the boot sector, which the one in the root directory overrides; nil if there is none.
    var label: [UInt8]?

    /// Most clusters of FAT12, which is how FAT16 is told from it.
    static let maximumFAT12Clusters: UInt32 = 4084

    /// What the entry of a cluster can be: numbers of clusters.
    var clusters: Range<UInt32> { 2..<clusterCount + 2 }

    /// Where a cluster of ``clusters`` is, in bytes of the device.
    func offset(ofCluster cluster: UInt32) -> UInt64 {
        dataStart + UInt64(cluster - 2) * UInt64(clusterSize)
    }
}
