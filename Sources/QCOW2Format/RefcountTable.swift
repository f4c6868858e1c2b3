import ByteLayout
import DiskImage

/// The reference counts that an image stores: refcount table → refcount blocks. Holds the table, at most 8 MiB.
struct RefcountTable {
    private let file: ImageFile
    private let header: QCOW2Header
    /// As stored; 0 for an absent block, whose counts are 0.
    let entries: [UInt64]

    /// Bits of an entry that must be zero.
    static let reservedBits: UInt64 = 0x1FF

    init(file: ImageFile, header: QCOW2Header) throws(ImageError) {
        self.file = file
        self.header = header
        let bytes = try file.read(
            at: header.refcountTableOffset, count: Int(UInt64(header.refcountTableClusters) * header.clusterSize),
            what: "refcount table")
        entries = (0..<bytes.count / 8).map { bytes.bigEndian(UInt64.self, at: $0 * 8) }
    }

    /// Clusters that a block counts.
    var clustersPerBlock: UInt64 { (header.clusterSize * 8) >> UInt64(header.refcountOrder) }

    /// Where block `index` is; 0 if it is absent.
    func offset(ofBlock index: Int) -> UInt64 { entries[index] & ~Self.reservedBits }

    /// Whether the table names a block `index`.
    func hasBlock(_ index: Int) -> Bool { index < entries.count && offset(ofBlock: index) != 0 }

    /// The block `index`; nil if it is absent or not where a block can be.
    func block(_ index: Int) throws(ImageError) -> RefcountBlock? {
        guard index < entries.count else { return nil }
        let offset = offset(ofBlock: index)
        guard offset > 0, offset % header.clusterSize == 0, offset <= file.size,
            header.clusterSize <= file.size - offset
        else { return nil }
        return RefcountBlock(
            try file.read(at: offset, count: Int(header.clusterSize), what: "refcount block"),
            bits: 1 << Int(header.refcountOrder))
    }

    /// Whether block `index` is not aligned to a cluster, so that its counts are not to be told.
    func isUnaligned(_ index: Int) -> Bool {
        index < entries.count && offset(ofBlock: index) % header.clusterSize != 0
    }

    /// Where an entry of the table says that its block is.
    enum BlockPlace {
        case inside(UInt64)
        case reserved
        case unaligned
        case outside
    }

    /// Where the block `index` is, in a file of `clusterCount` clusters; nil if it is absent.
    func place(ofBlock index: Int, clusterCount: UInt64) -> BlockPlace? {
        guard entries[index] != 0 else { return nil }
        guard entries[index] & Self.reservedBits == 0 else { return .reserved }
        let offset = offset(ofBlock: index)
        guard offset % header.clusterSize == 0 else { return .unaligned }
        return offset / header.clusterSize < clusterCount ? .inside(offset) : .outside
    }

    /// The count of one cluster, wherever it is; nil if its block is not aligned.
    func count(ofCluster cluster: UInt64) throws(ImageError) -> UInt64? {
        let index = cluster / clustersPerBlock
        guard index < UInt64(entries.count) else { return 0 }
        guard !isUnaligned(Int(index)) else { return nil }
        let bits = UInt64(1) << UInt64(header.refcountOrder)
        let bit = cluster % clustersPerBlock * bits
        let position = offset(ofBlock: Int(index)) + bit / 8
        let length = max(1, bits / 8)
        guard offset(ofBlock: Int(index)) > 0, position < file.size, file.size - position >= length else { return 0 }
        let bytes = try file.read(at: position, count: Int(length), what: "refcount block")
        return RefcountBlock(bytes, bits: Int(bits))[bits < 8 ? Int(bit % 8 / bits) : 0]
    }

    /// Whether at least `limit` of the first `clusters` clusters of the file are in use.
    func hasUsedClusters(_ limit: UInt64, of clusters: UInt64) throws(ImageError) -> Bool {
        var used: UInt64 = 0
        for index in 0..<Int(clusters.dividedUp(by: clustersPerBlock)) where used < limit {
            guard let block = try block(index) else { continue }
            let count = min(clustersPerBlock, clusters - UInt64(index) * clustersPerBlock)
            used += UInt64((0..<Int(count)).count { block[$0] != 0 })
        }
        return used >= limit
    }
}
