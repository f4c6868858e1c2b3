import ByteLayout
import Digests
import DiskImage
import GuestDisk

/// The function by which a filesystem checks its blocks.
enum BtrfsChecksum {
    case crc32c
    case xxhash64
    case sha256

    /// Bytes that a block has in front for its checksum, whatever its length.
    static let room = 32

    /// Bytes of a checksum.
    var length: Int {
        switch self {
        case .crc32c: 4
        case .xxhash64: 8
        case .sha256: 32
        }
    }

    /// - Throws: `unsupported` for what isn't known.
    init(type: UInt16) throws(GuestError) {
        switch type {
        case 0: self = .crc32c
        case 1: self = .xxhash64
        case 2: self = .sha256
        case 3: throw GuestError(.unsupported, "the btrfs filesystem has checksums by BLAKE2, which can't be checked")
        default: throw GuestError(.unsupported, "the btrfs filesystem has checksums of an unknown type, \(type)")
        }
    }

    /// Whether a superblock or node has the checksum of what follows it.
    func matches(_ block: [UInt8]) -> Bool {
        block.starts(with: of(Array(block[Self.room...])))
    }

    /// The checksum as it is stored.
    func of(_ bytes: [UInt8]) -> [UInt8] {
        switch self {
        case .crc32c: Self.littleEndian(CRC32C.of(bytes))
        case .xxhash64: Self.littleEndian(XXHash64.of(bytes))
        case .sha256: Self.sha256(bytes)
        }
    }

    private static func littleEndian(_ value: some FixedWidthInteger & BitwiseCopyable) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: value.bitWidth / 8)
        bytes.storeLittleEndian(value, at: 0)
        return bytes
    }

    private static func sha256(_ bytes: [UInt8]) -> [UInt8] {
        let digester = Digester(.sha256)
        // Safe: the array's bytes are read during the call only.
        unsafe bytes.withUnsafeBytes { unsafe digester.update($0) }
        return digester.finish().bytes
    }
}
