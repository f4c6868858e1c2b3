import ByteLayout
import DiskImage

/// The reference counts that an image stores: refcount table → refcount blocks. Holds the table, at most 8 MiB.
struct RefcountTable {
    private let file: ImageFile
    private let header: QCOW2Header
    /// As stored; 0 for an absent block, whose counts are 0.
    let entries: [UInt64]

    /// Bits of an entry that must be zero.
    private static let reservedBits: UInt64 = 0x1FF

    /// Where a block of counts is.
    enum BlockPlace: Equatable {
        /// Its counts are 0.
        case absent
        /// At this byte of the file, which may end within it.
        case inside(UInt64)
        /// Not aligned to a cluster, so that its counts are not to be told.
        case unaligned
        /// Past the end of the file, which makes its counts 0.
        case outside
    }

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

    /// Where block `index` is, whatever the reserved bits of its entry; absent behind the end of the table.
    func place(ofBlock index: Int) -> BlockPlace {
        guard index < entries.count, case let offset = entries[index] & ~Self.reservedBits, offset != 0 else {
            return .absent
        }
        guard offset % header.clusterSize == 0 else { return .unaligned }
        return offset < file.size ? .inside(offset) : .outside
    }

    func hasReservedBits(_ index: Int) -> Bool { entries[index] & Self.reservedBits != 0 }

    /// The block `index` and the byte it is at; nil if the file has not all of it.
    func block(_ index: Int) throws(ImageError) -> (offset: UInt64, counts: RefcountBlock)? {
        guard case .inside(let offset) = place(ofBlock: index), header.clusterSize <= file.size - offset else {
            return nil
        }
        let bytes = try file.read(at: offset, count: Int(header.clusterSize), what: "refcount block")
        return (offset, RefcountBlock(bytes, bits: 1 << Int(header.refcountOrder)))
    }

    /// The count of one cluster, wherever it is; nil if its block is not aligned.
    func count(ofCluster cluster: UInt64) throws(ImageError) -> UInt64? {
        let place = place(ofBlock: Int(cluster / clustersPerBlock))
        guard case .inside(let block) = place else { return place == .unaligned ? nil : 0 }
        let bits = UInt64(1) << UInt64(header.refcountOrder)
        let bit = cluster % clustersPerBlock * bits
        let position = block + bit / 8
        let length = max(1, bits / 8)
        guard position < file.size, file.size - position >= length else { return 0 }
        let bytes = try file.read(at: position, count: Int(length), what: "refcount block")
        return RefcountBlock(bytes, bits: Int(bits))[bits < 8 ? Int(bit % 8 / bits) : 0]
    }

    /// Whether at least `limit` of the first `clusters` clusters of the file are in use.
    func hasUsedClusters(_ limit: UInt64, of clusters: UInt64) throws(ImageError) -> Bool {
        var used: UInt64 = 0
        for index in 0..<Int(clusters.dividedUp(by: clustersPerBlock)) where used < limit {
            guard let block = try block(index)?.counts else { continue }
            let count = min(clustersPerBlock, clusters - UInt64(index) * clustersPerBlock)
            used += UInt64((0..<Int(count)).count { block[$0] != 0 })
        }
        return used >= limit
    }
}
