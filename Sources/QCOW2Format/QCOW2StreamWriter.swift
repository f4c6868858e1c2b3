import ByteLayout
package import DiskImage

/// Writes a plain qcow2 image strictly front to back, for pipes:
/// ```
///  header │ refcount table │ L1 table │ refcount block │ L2 table │ its data … │ L2 table │ … refcount block … data │
/// ```
/// Every table comes before what it describes, so the disk's map must tell what is stored: each *part* of the disk in
/// which the map has data, whole, its zeros too. A refcount block comes where the first cluster that it counts would be.
/// In memory are the L1 table and one L2 table.
package final class QCOW2StreamWriter: ImageWriter {
    package let layout: WriterLayout
    package let isSequential = true
    package let isPlanned = true
    private let options: QCOW2WriterOptions
    private let virtualSize: UInt64
    private let map: any DiskMap
    /// Bytes of a part: a multiple of the cluster.
    private let partSize: UInt64
    /// Bytes of virtual disk that an L2 table describes.
    private let tableCoverage: UInt64
    private let refcountTableClusters: UInt64
    /// Clusters that a refcount block counts.
    private let clustersPerBlock: UInt64
    private var plan: Plan
    /// How far the image has been written.
    private var sequence: QCOW2ClusterSequence
    /// The current L2 table: host clusters, 0 for those that are not stored.
    private var table: (index: UInt64, clusters: [UInt64])?

    /// What must be known before the first byte is written.
    private struct Plan {
        var l1: [UInt8]
        var refcountBlocks: [UInt64] = []
        var clusters: UInt64 = 0
    }

    /// - Parameters:
    ///   - map: the disk, which this writer walks for its tables.
    ///   - partSize: of how many bytes of the disk all is stored or nothing.
    /// - Throws: `invalidOption` if a disk of this size can't be described with these options.
    package init(
        virtualSize: UInt64, options: QCOW2WriterOptions, map: any DiskMap, partSize: UInt64
    ) throws(ImageError) {
        self.virtualSize = virtualSize
        self.options = options
        self.map = map
        self.partSize = partSize
        layout = WriterLayout(unitSize: Int(options.clusterSize), keepsOffsets: false)
        tableCoverage = options.clusterSize / options.l2EntryLength * options.clusterSize
        let l1Count = try options.l1Count(virtualSize: virtualSize)
        let l1Bytes = (l1Count * 8).alignedUp(to: options.clusterSize)
        plan = Plan(l1: [UInt8](repeating: 0, count: Int(l1Bytes)))
        clustersPerBlock = options.clusterSize * 8 / UInt64(options.refcountBits)
        sequence = QCOW2ClusterSequence(clustersPerBlock: clustersPerBlock)
        // Room in the refcount table for a disk of which everything is stored.
        let most =
            1 + l1Bytes / options.clusterSize + l1Count + virtualSize.dividedUp(by: options.clusterSize)
        let refcounts = RefcountBuilder(clusterSize: options.clusterSize, bits: options.refcountBits)
        refcountTableClusters = refcounts.remaining(usedClusters: most).table
        guard refcountTableClusters * options.clusterSize <= QCOW2.maximumRefcountTableLength else {
            throw RefcountBuilder.tableTooLarge
        }
        try makePlan(tables: l1Count)
    }

    /// Goes through the disk as writing it will.
    private func makePlan(tables: UInt64) throws(ImageError) {
        var sequence = sequence
        func noteBlock(at cluster: UInt64, _: UInt64) { plan.refcountBlocks.append(cluster * options.clusterSize) }
        sequence.skip(frontClusters)
        for index in 0..<tables {
            let stored = try storedClusters(ofTable: index)
            guard !stored.isEmpty else { continue }
            let place = sequence.next(block: noteBlock)
            plan.l1.storeBigEndian(place * options.clusterSize | L2Entry.copied, at: Int(index) * 8)
            for range in stored { for _ in range { _ = sequence.next(block: noteBlock) } }
        }
        sequence.complete(block: noteBlock)
        plan.clusters = sequence.count
    }

    /// Clusters of header, refcount table and L1 table.
    private var frontClusters: UInt64 {
        1 + refcountTableClusters + UInt64(plan.l1.count) / options.clusterSize
    }

    /// The clusters of L2 table `index` that are stored, as the table counts them.
    private func storedClusters(ofTable index: UInt64) throws(ImageError) -> [Range<Int>] {
        let start = index * tableCoverage
        let end = min(start + tableCoverage, virtualSize)
        var ranges: [Range<Int>] = []
        // A part may be larger than what a table of small clusters describes.
        var position = start.alignedDown(to: partSize)
        let limit = min(end.alignedUp(to: partSize), map.virtualSize)
        while position < limit {
            let extent = try map.extent(at: GuestOffset(position), limit: limit - position)
            let next = position + extent.length
            guard extent.content != .zero else {
                position = next
                continue
            }
            let first = max(start, position.alignedDown(to: partSize))
            position = next.alignedUp(to: partSize)
            let last = min(end, position)
            ranges.append(
                Int((first - start) / options.clusterSize)..<Int((last - start).dividedUp(by: options.clusterSize)))
        }
        return ranges
    }

    // MARK: Writing

    package func place(_ chunk: EncodedChunk, output: any OutputSink) throws(ImageError) -> Placement {
        try writeFront(output: output)
        var placement = Placement()
        for (index, unit) in chunk.units.enumerated() where unit != .zero {
            let offset = chunk.offset.bytes + UInt64(index) * options.clusterSize
            try selectTable(offset / tableCoverage, output: output)
            let cluster = try nextCluster(output: output)
            guard table?.clusters[Int(offset % tableCoverage / options.clusterSize)] == cluster else {
                throw Self.sourceChanged
            }
            placement.append(
                length: options.clusterSize, file: 0, at: HostOffset(cluster * options.clusterSize))
        }
        return placement
    }

    package func finish(output: any OutputSink) throws(ImageError) -> [UInt64] {
        try writeFront(output: output)
        try sequence.complete { cluster, number throws(ImageError) in
            try writeBlock(number, at: cluster, output: output)
        }
        guard sequence.count == plan.clusters else { throw Self.sourceChanged }
        return [plan.clusters * options.clusterSize]
    }

    /// The chunks are not those that the plan was made of.
    private static let sourceChanged = ImageError(
        .inputInUse, "the source changed while it was read", advice: "convert it when nobody writes to it")

    private func nextCluster(output: any OutputSink) throws(ImageError) -> UInt64 {
        try sequence.next { cluster, number throws(ImageError) in
            try writeBlock(number, at: cluster, output: output)
        }
    }

    private func writeFront(output: any OutputSink) throws(ImageError) {
        guard sequence.count == 0 else { return }
        let cluster = options.clusterSize
        let header = QCOW2HeaderImage(
            options: options, virtualSize: virtualSize,
            l1Count: Int(try options.l1Count(virtualSize: virtualSize)),
            l1Offset: (1 + refcountTableClusters) * cluster,
            refcountTableOffset: cluster, refcountTableClusters: refcountTableClusters)
        var table = [UInt8](repeating: 0, count: Int(refcountTableClusters * cluster))
        for (index, offset) in plan.refcountBlocks.enumerated() { table.storeBigEndian(offset, at: index * 8) }
        try output.write(header.bytes + table + plan.l1, at: HostOffset(0))
        sequence.skip(frontClusters)
    }

    /// Writes a refcount block: everything is used once.
    private func writeBlock(_ number: UInt64, at cluster: UInt64, output: any OutputSink) throws(ImageError) {
        var block = RefcountBuilder(clusterSize: options.clusterSize, bits: options.refcountBits)
        for counted in 0..<min(plan.clusters - number * clustersPerBlock, clustersPerBlock) {
            block.add(1, toCluster: counted)
        }
        try output.write(block.takeBlock(), at: HostOffset(cluster * options.clusterSize))
    }

    /// Writes table `index` unless it is the current one.
    private func selectTable(_ index: UInt64, output: any OutputSink) throws(ImageError) {
        guard table?.index != index else { return }
        let place = try nextCluster(output: output)
        var clusters = [UInt64](repeating: 0, count: Int(tableCoverage / options.clusterSize))
        var bytes = [UInt8](repeating: 0, count: Int(options.clusterSize))
        var ahead = sequence
        for entry in try storedClusters(ofTable: index).joined() {
            clusters[entry] = ahead.next { _, _ in }
            let position = entry * Int(options.l2EntryLength)
            bytes.storeBigEndian(L2Entry.plain(at: clusters[entry] * options.clusterSize).rawValue, at: position)
            if options.hasExtendedL2 { bytes.storeBigEndian(UInt64(UInt32.max), at: position + 8) }
        }
        try output.write(bytes, at: HostOffset(place * options.clusterSize))
        table = (index, clusters)
    }
}
