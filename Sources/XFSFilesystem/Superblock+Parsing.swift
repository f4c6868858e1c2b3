import ByteLayout
import GuestDisk

extension Superblock {
    /// The fields end here, in any version that is read.
    private static let length = 264
    private static let smallestSector = 512
    /// `sb_blocksize`, and what a directory's block may have.
    private static let blockSizes = 512...65536
    private static let inodeSizes = 256...2048

    /// The primary superblock of `device`.
    init(_ device: any BlockDevice) throws(GuestError) {
        let start = try device.read(at: 0, count: Self.smallestSector)
        guard start.starts(with: Self.magic) else { throw Self.damaged("has no superblock") }
        let sectorSize = Int(start.bigEndian(UInt16.self, at: 102))
        guard (Self.smallestSector...32768).contains(sectorSize), sectorSize.nonzeroBitCount == 1 else {
            throw Self.damaged("has sectors of \(sectorSize) bytes")
        }
        let bytes = try device.read(at: 0, count: sectorSize)
        // `sb_inprogress`
        guard bytes[126] == 0 else { throw Self.damaged("was not made to the end") }
        features = try Self.features(of: bytes)
        geometry = try Self.geometry(of: bytes, on: device)
        rootInode = bytes.bigEndian(UInt64.self, at: 56)
        guard geometry.offset(ofInode: rootInode) != nil else { throw Self.damaged("has no root directory") }
        uuid = Array(bytes[32..<48])
        let incompatible = Features.Incompatible(rawValue: bytes.bigEndian(UInt32.self, at: 216))
        metadataUUID =
            features.hasChecksums && incompatible.contains(.metadataUUID) ? Array(bytes[248..<264]) : uuid
        label = Array(bytes[108..<120].prefix { $0 != 0 })
        log = try Self.log(of: bytes, geometry)
    }

    private static func damaged(_ problem: String) -> GuestError {
        GuestError(.damaged, "the XFS filesystem \(problem)")
    }

    private static func features(of bytes: [UInt8]) throws(GuestError) -> Features {
        let number = bytes.bigEndian(UInt16.self, at: 100)
        let version = Features.Version(rawValue: number)
        guard version.contains(.secondDirectories), [4, 5].contains(number & 0xF) else {
            throw GuestError(.unsupported, "the XFS filesystem is of version \(number & 0xF), older than Linux reads")
        }
        guard !version.contains(.caseInsensitive) else {
            throw GuestError(.unsupported, "the XFS filesystem takes letters in either case for the same (version=ci)")
        }
        guard number & 0xF == 5 else {
            let second = Features.Second(rawValue: bytes.bigEndian(UInt32.self, at: 200))
            return Features(
                hasChecksums: false, hasFileTypes: version.contains(.more) && second.contains(.fileTypes),
                hasReflink: false, hasUnknownReadOnlyFeatures: false)
        }
        return try checksummedFeatures(of: bytes)
    }

    private static func checksummedFeatures(of bytes: [UInt8]) throws(GuestError) -> Features {
        guard SelfDescription.checksum(of: bytes, field: 224) == bytes.littleEndian(UInt32.self, at: 224) else {
            throw damaged("has a superblock with a wrong checksum")
        }
        let incompatible = Features.Incompatible(rawValue: bytes.bigEndian(UInt32.self, at: 216))
        let unknown = incompatible.subtracting(.known).rawValue
        guard unknown == 0 else {
            throw GuestError(
                .unsupported, "the XFS filesystem has features that are not known: incompat bits 0x\(hex(unknown))")
        }
        guard !incompatible.contains(.needsRepair) else {
            throw damaged("is marked as in need of repair: run xfs_repair")
        }
        let readOnly = Features.ReadOnlyCompatible(rawValue: bytes.bigEndian(UInt32.self, at: 212))
        return Features(
            hasChecksums: true, hasFileTypes: incompatible.contains(.fileTypes),
            hasReflink: readOnly.contains(.reflink),
            hasUnknownReadOnlyFeatures: !readOnly.subtracting(.known).isEmpty)
    }

    private static func hex(_ bits: UInt32) -> String { String(bits, radix: 16) }

    private static func geometry(of bytes: [UInt8], on device: any BlockDevice) throws(GuestError) -> Geometry {
        let geometry = Geometry(
            blockSize: Int(bytes.bigEndian(UInt32.self, at: 4)),
            blockCount: bytes.bigEndian(UInt64.self, at: 8),
            groupSize: UInt64(bytes.bigEndian(UInt32.self, at: 84)),
            groupCount: UInt64(bytes.bigEndian(UInt32.self, at: 88)),
            groupBits: Int(bytes[124]),
            sectorSize: Int(bytes.bigEndian(UInt16.self, at: 102)),
            inodeSize: Int(bytes.bigEndian(UInt16.self, at: 104)),
            inodeBits: Int(bytes[123]),
            // `sb_dirblklog` is the number of doublings of the block; more than 7 would be more than can be.
            directoryBlockSize: Int(bytes.bigEndian(UInt32.self, at: 4)) << Int(min(bytes[192], 8)))
        guard blockSizes.contains(geometry.blockSize), geometry.blockSize.nonzeroBitCount == 1,
            geometry.sectorSize <= geometry.blockSize,
            blockSizes.contains(geometry.directoryBlockSize),
            inodeSizes.contains(geometry.inodeSize), geometry.inodeSize.nonzeroBitCount == 1,
            geometry.inodeBits <= 8, geometry.inodeSize << geometry.inodeBits == geometry.blockSize
        else { throw damaged("has sizes that can't be: blocks of \(geometry.blockSize) bytes") }
        guard (1...31).contains(geometry.groupBits), geometry.groupSize > 0,
            geometry.groupSize <= 1 << UInt64(geometry.groupBits),
            // Both have 32 bits, so their product has 64.
            geometry.blockCount <= geometry.groupSize * geometry.groupCount,
            geometry.blockCount > geometry.groupSize * (max(geometry.groupCount, 1) - 1)
        else { throw damaged("has allocation groups that don't fit its size") }
        guard geometry.blockCount <= device.size / UInt64(geometry.blockSize) else {
            throw damaged("should have \(geometry.blockCount) blocks, more than its device of \(device.size) bytes")
        }
        return geometry
    }

    private static func log(of bytes: [UInt8], _ geometry: Geometry) throws(GuestError) -> LogLocation {
        let start = BlockNumber(bytes.bigEndian(UInt64.self, at: 48))
        guard start.number != 0 else { return .external }
        let count = UInt64(bytes.bigEndian(UInt32.self, at: 96))
        guard count > 0, let offset = geometry.offset(ofBlock: start, count: count) else {
            throw damaged("has a log that is not inside it")
        }
        return .internal(offset..<offset + count * UInt64(geometry.blockSize))
    }
}
