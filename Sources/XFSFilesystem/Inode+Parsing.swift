import ByteLayout
import GuestDisk

extension Inode {
    private static let magic: UInt16 = 0x494E  // IN

    /// The inode `number` of `volume`.
    init(_ number: UInt64, _ volume: Volume) throws(GuestError) {
        let bytes = try Self.bytes(number, volume)
        self.number = number
        version = bytes[4]
        flags = Flags(rawValue: bytes.bigEndian(UInt16.self, at: 90))
        let more = MoreFlags(rawValue: version == 3 ? bytes.bigEndian(UInt64.self, at: 120) : 0)
        status = try Self.status(bytes, more, number)
        let counts = Self.extentCounts(bytes, more)
        // `di_forkoff`: where the attributes begin, in units of 8 bytes from where the data does.
        let start = version == 3 ? 176 : 100
        let attributesStart = start + Int(bytes[82]) * 8
        guard attributesStart <= bytes.count else { throw Self.damaged(number) }
        let hasAttributes = attributesStart > start
        data = try Self.fork(
            format: bytes[5], Array(bytes[start..<(hasAttributes ? attributesStart : bytes.count)]),
            extents: counts.data, number)
        if case .inline(let inline) = data {
            // The size is that of what is inline: the rest of the fork is left over.
            guard status.size <= UInt64(inline.count) else { throw Self.damaged(number) }
            data = .inline(Array(inline.prefix(Int(status.size))))
        }
        attributes =
            hasAttributes
            ? try Self.fork(
                format: bytes[83], Array(bytes[attributesStart...]), extents: counts.attributes, number) : .none
    }

    /// The bytes of an inode that is in use.
    static func bytes(_ number: UInt64, _ volume: Volume) throws(GuestError) -> [UInt8] {
        guard let offset = volume.geometry.offset(ofInode: number) else {
            throw GuestError(.damaged, "there can be no XFS inode \(number)")
        }
        let bytes = try volume.device.read(at: offset, count: volume.geometry.inodeSize)
        guard bytes.bigEndian(UInt16.self, at: 0) == magic,
            volume.hasChecksums ? bytes[4] == 3 : (bytes[4] == 1 || bytes[4] == 2)
        else { throw damaged(number) }
        if volume.hasChecksums {
            let checksum = bytes.littleEndian(UInt32.self, at: Offset.checksum)
            guard checksum == SelfDescription.checksum(of: bytes, field: Offset.checksum),
                bytes.bigEndian(UInt64.self, at: 152) == number,
                bytes[160..<176].elementsEqual(volume.superblock.metadataUUID)
            else { throw damaged(number) }
        }
        return bytes
    }

    private static func damaged(_ number: UInt64) -> GuestError {
        GuestError(.damaged, "the XFS inode \(number) is damaged, or not in use")
    }

    private static func status(
        _ bytes: [UInt8], _ more: MoreFlags, _ number: UInt64
    ) throws(GuestError) -> FileStatus {
        let mode = bytes.bigEndian(UInt16.self, at: 2)
        let kind: FileStatus.Kind
        switch mode >> 12 {
        case 0x1: kind = .fifo
        case 0x2: kind = .characterDevice
        case 0x4: kind = .directory
        case 0x6: kind = .blockDevice
        case 0x8: kind = .regular
        case 0xA: kind = .symbolicLink
        case 0xC: kind = .socket
        default: throw damaged(number)
        }
        let size = bytes.bigEndian(UInt64.self, at: Offset.size)
        guard size <= UInt64(Int64.max) else { throw damaged(number) }
        return FileStatus(
            kind: kind, permissions: mode & 0o7777,
            owner: bytes.bigEndian(UInt32.self, at: 8), group: bytes.bigEndian(UInt32.self, at: 12), size: size,
            // Version 1 counts in 16 bits, elsewhere.
            links: bytes[4] == 1
                ? UInt32(bytes.bigEndian(UInt16.self, at: 6)) : bytes.bigEndian(UInt32.self, at: 16),
            modified: seconds(bytes, at: 40, more))
    }

    /// A time, in seconds since 1970. Big times count nanoseconds from where 32 bits of seconds begin, in 1901.
    private static func seconds(_ bytes: [UInt8], at offset: Int, _ more: MoreFlags) -> Int64 {
        guard more.contains(.bigTime) else { return Int64(bytes.bigEndian(Int32.self, at: offset)) }
        return Int64(bytes.bigEndian(UInt64.self, at: offset) / 1_000_000_000) + Int64(Int32.min)
    }

    private static func extentCounts(_ bytes: [UInt8], _ more: MoreFlags) -> (data: UInt64, attributes: UInt64) {
        if more.contains(.largeExtentCounts) {
            return (bytes.bigEndian(UInt64.self, at: 24), UInt64(bytes.bigEndian(UInt32.self, at: 76)))
        }
        return (UInt64(bytes.bigEndian(UInt32.self, at: 76)), UInt64(bytes.bigEndian(UInt16.self, at: 80)))
    }

    /// - Parameter format: `di_format` or `di_aformat`.
    private static func fork(
        format: UInt8, _ bytes: [UInt8], extents: UInt64, _ number: UInt64
    ) throws(GuestError) -> Fork {
        switch format {
        case 0: return .none
        case 1: return .inline(bytes)
        case 2:
            guard extents <= UInt64(bytes.count / Extent.length) else { throw damaged(number) }
            return .extents(try ExtentTreeNode.extents(bytes, count: Int(extents), from: 0))
        case 3: return .tree(try ExtentTreeNode(root: bytes))
        default: throw damaged(number)
        }
    }
}
