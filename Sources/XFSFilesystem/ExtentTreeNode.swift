import ByteLayout
import GuestDisk

/// A node of the tree of a file's extents (`bmbt`).
struct ExtentTreeNode {
    private static let magic: UInt32 = 0x424D_4150  // BMAP
    private static let checksummedMagic: UInt32 = 0x424D_4133  // BMA3
    /// With the smallest blocks and the most extents that an inode can count, a tree is lower.
    static let maximumLevel = 16

    /// 0 for a leaf.
    var level: Int
    var content: Content

    enum Content {
        case leaf([Extent])
        /// The first block of the file that each child tells of, and where the child is.
        case node([(key: UInt64, child: BlockNumber)])
    }

    /// The root, which is all of a fork: level and count, room for keys, then room for the numbers of the children.
    init(root bytes: [UInt8]) throws(GuestError) {
        guard bytes.count >= 20 else { throw Self.damaged }
        level = Int(bytes.bigEndian(UInt16.self, at: 0))
        let count = Int(bytes.bigEndian(UInt16.self, at: 2))
        guard level > 0, level <= Self.maximumLevel else { throw Self.damaged }
        content = .node(try Self.children(bytes, count: count, from: 4))
    }

    /// The node in `block`, which must be of `level`.
    init(_ volume: Volume, _ block: BlockNumber, level: Int, inode: UInt64) throws(GuestError) {
        let (bytes, offset) = try volume.read(block)
        let magic = volume.hasChecksums ? Self.checksummedMagic : Self.magic
        guard bytes.bigEndian(UInt32.self, at: 0) == magic, Int(bytes.bigEndian(UInt16.self, at: 4)) == level else {
            throw GuestError(.damaged, "the XFS block at byte \(offset) should be of the extent tree of inode \(inode)")
        }
        try volume.verify(bytes, at: offset, .extentTree, inode: inode)
        self.level = level
        let count = Int(bytes.bigEndian(UInt16.self, at: 6))
        let header = volume.hasChecksums ? 72 : 24
        if level > 0 {
            content = .node(try Self.children(bytes, count: count, from: header))
        } else {
            content = .leaf(try Self.extents(bytes, count: count, from: header))
        }
    }

    private static var damaged: GuestError { GuestError(.damaged, "a tree of XFS extents is damaged") }

    private static func children(
        _ bytes: [UInt8], count: Int, from start: Int
    ) throws(GuestError) -> [(key: UInt64, child: BlockNumber)] {
        let room = (bytes.count - start) / 16
        guard count > 0, count <= room else { throw damaged }
        return (0..<count).map { index in
            (
                bytes.bigEndian(UInt64.self, at: start + 8 * index),
                BlockNumber(bytes.bigEndian(UInt64.self, at: start + 8 * (room + index)))
            )
        }
    }

    /// `count` records from byte `start` on, which must follow each other in the file.
    static func extents(_ bytes: [UInt8], count: Int, from start: Int) throws(GuestError) -> [Extent] {
        guard count <= (bytes.count - start) / Extent.length else { throw damaged }
        var extents: [Extent] = []
        extents.reserveCapacity(count)
        for index in 0..<count {
            guard let extent = Extent(bytes, at: start + Extent.length * index),
                extents.last.map({ $0.end <= extent.fileBlock }) ?? true
            else { throw damaged }
            extents.append(extent)
        }
        return extents
    }
}
