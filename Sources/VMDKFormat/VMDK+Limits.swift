import ByteLayout
import DiskImage

extension VMDK {
    /// Sectors of the extents of a split disk that is written: 2 GiB less 1 MiB, as VMware splits.
    static let splitExtentSectors: UInt64 = 4_192_256
    /// Bytes of a sparse file at most: grains are found by 32-bit numbers of sectors.
    static let sparseFileLimit: UInt64 = 1 << 32 * sectorSize

    /// A sparse file has no room for the disk's data.
    static let tooLarge = ImageError(
        .invalidOption, "a sparse or stream-optimized VMDK ends at 2 TiB, and the disk's data does not fit",
        advice: "use -o subformat=twoGbMaxExtentSparse or monolithicFlat")

    /// Throws if the grain directories of a disk would be larger than what we read.
    static func requireDirectories(virtualSize: UInt64) throws(ImageError) {
        let coverage = SparseHeader.writtenGrain * SparseHeader.writtenTableEntries * sectorSize
        guard virtualSize.dividedUp(by: coverage) <= maximumDirectoryEntries else {
            throw ImageError(
                .invalidOption, "a disk of \(virtualSize) bytes is too large for a sparse VMDK",
                advice: "use -o subformat=monolithicFlat")
        }
    }
}

extension GrainTableEntry {
    /// The value of an entry for what starts at byte `offset` of the file.
    static func sector(ofByte offset: UInt64) throws(ImageError) -> UInt32 {
        guard let sector = UInt32(exactly: offset / VMDK.sectorSize) else { throw VMDK.tooLarge }
        return sector
    }
}

extension VMDKOptions {
    /// What makes the content IDs of different disks differ before any content is known.
    func digest(virtualSize: UInt64, name: VMDKName) -> ContentDigest {
        var digest = ContentDigest()
        digest.add(virtualSize)
        digest.add(subformat.rawValue)
        digest.add(name.name)
        return digest
    }
}
