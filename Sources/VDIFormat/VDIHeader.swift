import ByteLayout
import DiskImage

/// The header of a VDI.
struct VDIHeader {
    enum Kind: UInt32 {
        /// Blocks are allocated when they are written.
        case dynamic = 1
        /// All blocks are allocated.
        case fixed = 2
        case undo = 3
        /// A snapshot over a parent, of which it knows the identifier.
        case differencing = 4
    }

    var kind: Kind
    /// Byte offset of the block map.
    var mapOffset: UInt32
    /// Byte offset of the first block.
    var dataOffset: UInt32
    /// Bytes of the virtual disk.
    var size: UInt64
    /// Bytes of a block of the disk; VirtualBox writes 1 MiB.
    var blockSize: UInt32
    /// Bytes that are stored before each block; normally 0.
    var blockExtra: UInt32
    /// Entries of the block map.
    var blockCount: UInt32
    /// Blocks that are stored, by the header's own account; nothing needs it to read the disk.
    var allocatedCount: UInt32
    var identifier: GUID
    /// Changes with the content.
    var modification: GUID
    /// The parent's ``identifier``.
    var parentIdentifier: GUID
    /// The parent's ``modification`` when the snapshot was taken.
    var parentModification: GUID

    init(file: ImageFile) throws(ImageError) {
        let bytes = try file.read(at: 0, count: VDI.headerLength, what: "VDI header")
        guard bytes[VDI.signatureOffset..<VDI.signatureOffset + 4].elementsEqual(VDI.signature) else {
            throw ImageError(.inputFormat, "this is no VDI: the signature is missing", path: file.path)
        }
        let version = bytes.littleEndian(UInt32.self, at: 68)
        guard version == VDI.version else {
            throw file.unsupported("VDI version 0x\(String(version, radix: 16)) is not known", at: 68)
        }
        guard let kind = Kind(rawValue: bytes.littleEndian(UInt32.self, at: 76)) else {
            throw file.damaged("the VDI type \(bytes.littleEndian(UInt32.self, at: 76)) is impossible", at: 76)
        }
        self.kind = kind
        mapOffset = bytes.littleEndian(UInt32.self, at: 340)
        dataOffset = bytes.littleEndian(UInt32.self, at: 344)
        size = bytes.littleEndian(UInt64.self, at: 368)
        blockSize = bytes.littleEndian(UInt32.self, at: 376)
        blockExtra = bytes.littleEndian(UInt32.self, at: 380)
        blockCount = bytes.littleEndian(UInt32.self, at: 384)
        allocatedCount = bytes.littleEndian(UInt32.self, at: 388)
        identifier = GUID(bytes[392..<408])
        modification = GUID(bytes[408..<424])
        parentIdentifier = GUID(bytes[424..<440])
        parentModification = GUID(bytes[440..<456])
        try validate(bytes: bytes, file: file)
    }

    private func validate(bytes: [UInt8], file: ImageFile) throws(ImageError) {
        let sectorSize = bytes.littleEndian(UInt32.self, at: 360)
        guard sectorSize == 512 else { throw file.unsupported("VDI sectors of \(sectorSize) bytes", at: 360) }
        guard blockSize.isPowerOfTwo, (4096...1 << 30).contains(blockSize) else {
            throw file.damaged("VDI blocks of \(blockSize) bytes are not a power of two from 4 KiB to 1 GiB", at: 376)
        }
        guard blockExtra % 512 == 0, blockExtra <= blockSize else {
            throw file.damaged("\(blockExtra) bytes before each VDI block are impossible", at: 380)
        }
        guard blockCount <= VDI.maximumBlocks else {
            throw file.damaged("a VDI of \(blockCount) blocks is larger than any (\(VDI.maximumBlocks))", at: 384)
        }
        guard size.dividedUp(by: UInt64(blockSize)) <= UInt64(blockCount) else {
            throw file.damaged("the block map has \(blockCount) entries, too few for a disk of \(size) bytes", at: 384)
        }
        let mapEnd = UInt64(mapOffset) + UInt64(blockCount) * 4
        guard mapOffset >= UInt32(VDI.headerLength), mapEnd <= file.size, UInt64(dataOffset) >= mapEnd else {
            throw file.damaged("the block map is not between the header and the data: byte \(mapOffset)", at: 340)
        }
        guard dataOffset % 512 == 0 else {
            throw file.damaged("the data does not start at a sector: byte \(dataOffset)", at: 344)
        }
    }
}
