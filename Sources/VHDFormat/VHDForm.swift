import ByteLayout
import DiskImage

/// The form of a disk that is written, and the digest of its content, from which its identifier comes.
struct VHDForm {
    private let options: VHDOptions
    /// Bytes of the disk as it was.
    private let virtualSize: UInt64
    private let geometry: VHDGeometry
    /// Bytes of the disk.
    let size: UInt64
    var digest = ContentDigest()

    /// Bytes of a disk at most, by the specification: 2040 GiB.
    private static let maximumSize: UInt64 = 2040 << 30

    /// - Parameter virtualSize: bytes of the disk, whole sectors.
    /// - Throws: `invalidOption` if it is too large.
    init(virtualSize: UInt64, options: VHDOptions) throws(ImageError) {
        guard virtualSize <= Self.maximumSize else {
            throw ImageError(
                .invalidOption, "a VHD ends at 2040 GiB, and the disk has \(virtualSize) bytes",
                advice: "use -O vhdx")
        }
        self.options = options
        self.virtualSize = virtualSize
        geometry =
            options.keepsSize
            ? VHDGeometry(sectors: virtualSize / VHD.sectorSize) : VHDGeometry(enclosing: virtualSize)
        // No geometry can tell the size of a larger disk.
        size = options.keepsSize || geometry == .maximum ? virtualSize : geometry.size
        digest.add(size)
        digest.add(options.subformat.rawValue)
    }

    var warnings: [String] {
        guard size > virtualSize else { return [] }
        return ["the disk became \(size - virtualSize) bytes larger (\(size) bytes), to end with a cylinder"]
    }

    /// QEMU, like Virtual PC, goes by the geometry, which leaves out the last sectors, unless it knows the program that
    /// wrote the VHD for one that does not. This one stands for `qemu-img` with `force_size`. (VirtualBox, Hyper-V,
    /// Azure and XenServer go by the size.)
    private static let creator = "qem2"
    private static let creatorVersion: UInt32 = 5 << 16 | 3
    private static let creatorHost = "Wi2k"
    /// The bit that must be set.
    private static let features: UInt32 = 2

    /// The footer, with an identifier for what the digest has seen. The time in it is 0, the start of the year 2000.
    /// - Parameter dataOffset: where the dynamic header is, if there is one.
    func footer(dataOffset: UInt64 = VHDFooter.noDataOffset) -> [UInt8] {
        let kind: VHDFooter.Kind = options.subformat == .fixed ? .fixed : .dynamic
        var bytes = VHD.cookie + [UInt8](repeating: 0, count: VHDFooter.length - VHD.cookie.count)
        bytes.storeBigEndian(Self.features, at: 8)
        bytes.storeBigEndian(VHD.majorVersion << 16, at: 12)
        bytes.storeBigEndian(dataOffset, at: 16)
        bytes.replaceSubrange(28..<32, with: Self.creator.utf8)
        bytes.storeBigEndian(Self.creatorVersion, at: 32)
        bytes.replaceSubrange(36..<40, with: Self.creatorHost.utf8)
        bytes.storeBigEndian(size, at: 40)
        bytes.storeBigEndian(size, at: 48)
        bytes.storeBigEndian(geometry.cylinders, at: 56)
        bytes[58] = geometry.heads
        bytes[59] = geometry.sectorsPerTrack
        bytes.storeBigEndian(kind.rawValue, at: 60)
        bytes.replaceSubrange(68..<84, with: digest.identifier.bytes)
        bytes.storeBigEndian(VHD.checksum(bytes, field: 64), at: 64)
        return bytes
    }
}
