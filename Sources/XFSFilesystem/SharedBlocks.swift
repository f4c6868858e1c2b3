import ByteLayout
import GuestDisk

/// Tells which blocks of an allocation group belong to several files (`reflink`): what is written into them would be in all.
///
/// A tree has a record for each run of blocks with more than one owner. Its root is in the group's header of free space:
/// ```
///   header (AGF): XAGF │ version 4 │ group 4 │ … │ UUID at 64 │ … │ root at 88 │ levels at 92 │ … │ checksum at 216
///   leaf:         R3FC │ level 2 │ count 2 │ … 56 │ records: block 4, how many 4, owners 4
///   node:         R3FC │ level 2 │ count 2 │ … 56 │ room for first blocks, 4 each │ room for children, 4 each
/// ```
struct SharedBlocks {
    private static let treeMagic: UInt32 = 0x5233_4643  // R3FC
    private static let headerLength = 56
    private static let maximumLevels = 9
    /// Marks blocks that are set aside for copies; they belong to no file yet. Their records come behind all others.
    private static let staging: UInt32 = 1 << 31

    private let volume: Volume
    private let group: UInt64
    private let root: UInt32
    private let levels: Int

    init(of group: UInt64, _ volume: Volume) throws(GuestError) {
        self.volume = volume
        self.group = group
        let sector = volume.geometry.sectorSize
        guard let start = volume.geometry.offset(ofGroup: group) else { throw Self.damaged(group) }
        let header = try volume.device.read(at: start + UInt64(sector), count: sector)
        guard header.starts(with: Array("XAGF".utf8)), UInt64(header.bigEndian(UInt32.self, at: 8)) == group,
            header[64..<80].elementsEqual(volume.superblock.metadataUUID),
            header.littleEndian(UInt32.self, at: 216) == SelfDescription.checksum(of: header, field: 216)
        else { throw Self.damaged(group) }
        root = header.bigEndian(UInt32.self, at: 88)
        levels = Int(header.bigEndian(UInt32.self, at: 92))
        guard (1...Self.maximumLevels).contains(levels) else { throw Self.damaged(group) }
    }

    private static func damaged(_ group: UInt64) -> GuestError {
        GuestError(.damaged, "the counts of shared blocks of XFS allocation group \(group) are damaged")
    }

    /// Whether any of the blocks `range` of the group has more than one owner.
    func contains(anyOf range: Range<UInt64>) throws(GuestError) -> Bool {
        try contains(anyOf: range, in: try node(root, level: levels - 1), level: levels - 1)
    }

    private func contains(anyOf range: Range<UInt64>, in node: Node, level: Int) throws(GuestError) -> Bool {
        guard level > 0 else {
            return (0..<node.count).contains { node.sharedBlocks(at: $0)?.overlaps(range) ?? false }
        }
        for index in 0..<node.count {
            let first = node.key(at: index)
            let end = index + 1 < node.count ? UInt64(node.key(at: index + 1)) : .max
            guard UInt64(first) < end else { throw Self.damaged(group) }
            guard UInt64(first) < range.upperBound, range.lowerBound < end else { continue }
            let child = try self.node(node.child(at: index), level: level - 1)
            // Keys grow, and a child begins with its own: so no node is met twice.
            guard child.count > 0, child.key(at: 0) == first else { throw Self.damaged(group) }
            if try contains(anyOf: range, in: child, level: level - 1) { return true }
        }
        return false
    }

    private struct Node {
        var bytes: [UInt8]
        var count: Int
        var isLeaf: Bool

        /// The first block that a record, or a child, is about.
        func key(at index: Int) -> UInt32 {
            bytes.bigEndian(UInt32.self, at: SharedBlocks.headerLength + (isLeaf ? 12 : 4) * index)
        }

        func child(at index: Int) -> UInt32 {
            let room = (bytes.count - SharedBlocks.headerLength) / 8
            return bytes.bigEndian(UInt32.self, at: SharedBlocks.headerLength + 4 * (room + index))
        }

        /// The blocks of a record if they have several owners.
        func sharedBlocks(at index: Int) -> Range<UInt64>? {
            let record = SharedBlocks.headerLength + 12 * index
            let start = bytes.bigEndian(UInt32.self, at: record)
            let owners = bytes.bigEndian(UInt32.self, at: record + 8)
            guard start & SharedBlocks.staging == 0, owners > 1 else { return nil }
            return UInt64(start)..<UInt64(start) + UInt64(bytes.bigEndian(UInt32.self, at: record + 4))
        }
    }

    private func node(_ number: UInt32, level: Int) throws(GuestError) -> Node {
        // A number with bits of the group would be elsewhere.
        guard UInt64(number) < volume.geometry.groupSize else { throw Self.damaged(group) }
        let (bytes, offset) = try volume.read(volume.geometry.block(group: group, place: UInt64(number)))
        let count = Int(bytes.bigEndian(UInt16.self, at: 6))
        guard bytes.bigEndian(UInt32.self, at: 0) == Self.treeMagic, Int(bytes.bigEndian(UInt16.self, at: 4)) == level,
            SelfDescription.groupTree.isSound(bytes, at: offset, uuid: volume.superblock.metadataUUID),
            UInt64(bytes.bigEndian(UInt32.self, at: SelfDescription.groupTree.owner)) == group,
            count <= (bytes.count - Self.headerLength) / (level > 0 ? 8 : 12)
        else { throw Self.damaged(group) }
        return Node(bytes: bytes, count: count, isLeaf: level == 0)
    }
}
