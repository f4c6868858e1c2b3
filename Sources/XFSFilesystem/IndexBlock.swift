import ByteLayout
import GuestDisk

/// A block of the tree that finds names by their hashes, which directories and lists of attributes have (`xfs_da_node`, and
/// the header of the leaves).
///
/// ```
///   forward 4 │ back 4 │ magic 2 │ … │ count 2 │ level or other 2 │ … │ entries of 8 bytes
/// ```
struct IndexBlock {
    enum Kind: Equatable {
        /// Entries are a hash and the block of the child whose last hash it is.
        case node(level: Int)
        /// Entries are a hash and the place of a directory's entry.
        case directoryLeaf
        /// See ``AttributeLeaf``.
        case attributeLeaf
    }

    var kind: Kind
    /// The next block of the same level; 0 if there is none.
    var forward: UInt32
    var count: Int
    var bytes: [UInt8]
    /// Where the entries begin.
    private var start: Int

    /// Block `block` of the file, `count` blocks long.
    init(_ map: ForkMap, at block: UInt64, count blocks: Int = 1) throws(GuestError) {
        let (bytes, offset) = try map.read(at: block, count: blocks)
        let isChecksummed = map.volume.hasChecksums
        let magic = bytes.bigEndian(UInt16.self, at: 8)
        let counts = isChecksummed ? 56 : 12
        switch (magic, isChecksummed) {
        case (0xFEBE, false), (0x3EBE, true): kind = .node(level: Int(bytes.bigEndian(UInt16.self, at: counts + 2)))
        // Alone, or one of several below a node.
        case (0xD2F1, false), (0xD2FF, false), (0x3DF1, true), (0x3DFF, true): kind = .directoryLeaf
        case (0xFBEE, false), (0x3BEE, true): kind = .attributeLeaf
        default: throw GuestError(.damaged, "the XFS block at byte \(offset) is no index of inode \(map.inode)")
        }
        try map.volume.verify(bytes, at: offset, .index, inode: map.inode)
        forward = bytes.bigEndian(UInt32.self, at: 0)
        count = Int(bytes.bigEndian(UInt16.self, at: counts))
        start = kind == .attributeLeaf ? (isChecksummed ? 80 : 32) : (isChecksummed ? 64 : 16)
        self.bytes = bytes
        guard count <= (bytes.count - start) / 8 else {
            throw GuestError(.damaged, "the XFS index at byte \(offset) has no room for its \(count) entries")
        }
    }

    /// Where entry `index` is in ``bytes``.
    func offset(ofEntry index: Int) -> Int { start + 8 * index }

    func hash(at index: Int) -> UInt32 { bytes.bigEndian(UInt32.self, at: offset(ofEntry: index)) }

    /// What entry `index` of a node, or of a directory's leaf, leads to.
    func target(at index: Int) -> UInt32 { bytes.bigEndian(UInt32.self, at: offset(ofEntry: index) + 4) }

    /// The first entry whose hash is not less than `hash`; ``count`` if there is none.
    func firstIndex(notBefore hash: UInt32) -> Int {
        var range = 0..<count
        while !range.isEmpty {
            let middle = range.lowerBound + range.count / 2
            range = self.hash(at: middle) < hash ? middle + 1..<range.upperBound : range.lowerBound..<middle
        }
        return range.lowerBound
    }
}
