import ByteLayout
package import DiskImage

/// Writes a qcow2 image front to back:
/// ```
///  header (last) │ data … │ L2 table │ data … │ refcount block │ … │ L1 table │ refcount table │ last refcount blocks
/// ```
/// Data comes in guest order. An L2 table follows the data it describes; a refcount block follows the clusters it
/// counts. In memory are one L2 table, one or two refcount blocks, the L1 table and the refcount table.
package final class QCOW2Writer: ImageWriter {
    package let layout: WriterLayout
    private let options: QCOW2WriterOptions
    private let virtualSize: UInt64
    private let clusterBits: Int
    /// Entries of an L2 table.
    private let l2Count: UInt64
    /// L1 entries, ready to be stored.
    private var l1: [UInt64]
    /// The L2 table that is being filled, and its number.
    private var l2: [UInt8] = []
    private var l2Index: Int?
    private var refcounts: RefcountBuilder
    /// The first byte that nothing uses. Inside a cluster only after compressed data.
    private var end: UInt64

    /// - Parameter encoding: how clusters are compressed, nil for plain ones.
    /// - Throws: `invalidOption` if a disk of this size can't be described with these options.
    package init(
        virtualSize: UInt64, options: QCOW2WriterOptions, encoding: UnitEncoding?
    ) throws(ImageError) {
        self.virtualSize = virtualSize
        self.options = options
        let cluster = options.clusterSize
        clusterBits = cluster.trailingZeroBitCount
        l2Count = cluster / options.l2EntryLength
        l1 = [UInt64](repeating: 0, count: Int(try options.l1Count(virtualSize: virtualSize)))
        refcounts = RefcountBuilder(clusterSize: cluster, bits: options.refcountBits)
        refcounts.add(1, toCluster: 0)
        end = cluster
        // A host cluster counts every compressed cluster that touches it. With n bits, keep compressed clusters so far
        // apart that at most 2^n - 1 touch one host cluster: k + 1 of them can, if k fit into its length. From 16 bits
        // on the limit is out of reach: Zstandard needs 17 bytes for a cluster of 64 KiB.
        guard encoding == nil || options.refcountBits > 1 else {
            throw ImageError(
                .invalidOption, "compressed clusters share host clusters, which refcounts of 1 bit can't count",
                advice: "choose a larger -o refcount_bits")
        }
        let maximum = options.refcountBits >= 16 ? UInt64(UInt16.max) : (1 << UInt64(options.refcountBits)) - 1
        layout = WriterLayout(
            unitSize: Int(cluster), subunitsPerUnit: options.hasExtendedL2 ? 32 : 1, keepsOffsets: false,
            encoding: encoding,
            compressedSpacing: options.refcountBits >= 16 ? 0 : Int(cluster.dividedUp(by: max(1, maximum - 1))))
    }

    package func place(_ chunk: EncodedChunk, output: any OutputSink) throws(ImageError) -> Placement {
        var placement = Placement()
        if chunk.compressedLength > 0 {
            placement.compressed = HostOffset(end)
            end += UInt64(chunk.compressedLength)
        }
        if chunk.plainCount > 0 {
            let clusters = UInt64(chunk.plainCount)
            let offset = HostOffset(allocate(clusters: clusters))
            placement.plain = [Placement.Piece(length: clusters * options.clusterSize, at: offset)]
        }
        try enter(chunk, placement, output: output)
        try flushCompleteRefcounts(output: output)
        try output.reserve(upTo: end.alignedUp(to: max(options.clusterSize, 4096)))
        return placement
    }

    /// Enters the chunk's clusters into their L2 tables.
    private func enter(_ chunk: EncodedChunk, _ placement: Placement, output: any OutputSink) throws(ImageError) {
        let firstCluster = chunk.offset.bytes >> UInt64(clusterBits)
        var plain = placement.plain.first?.offset.bytes ?? 0
        for (index, unit) in chunk.units.enumerated() where unit != .zero {
            let cluster = firstCluster + UInt64(index)
            let entry: L2Entry
            var subclusters: UInt32 = 0
            switch unit {
            case .zero:
                continue
            case .plain:
                entry = .plain(at: plain)
                if options.hasExtendedL2 { subclusters = chunk.subunits[index] }
                plain += options.clusterSize
            case .compressed(let offset, let length):
                let start = placement.compressed.bytes + UInt64(offset)
                entry = .compressed(at: start, length: Int(length), clusterBits: clusterBits)
                let touched = entry.compressedRange(clusterBits: clusterBits)
                for hostCluster in touched.lowerBound >> UInt64(clusterBits)...(touched.upperBound - 1)
                    >> UInt64(clusterBits)
                {
                    refcounts.add(1, toCluster: hostCluster)
                }
            }
            try selectL2(Int(cluster / l2Count), output: output)
            let position = Int(cluster % l2Count * options.l2EntryLength)
            l2.storeBigEndian(entry.rawValue, at: position)
            // Those that are not allocated read as zeros; a compressed cluster has none.
            if options.hasExtendedL2 { l2.storeBigEndian(UInt64(subclusters), at: position + 8) }
        }
    }

    /// Makes table `index` the current one; the one before it is complete.
    private func selectL2(_ index: Int, output: any OutputSink) throws(ImageError) {
        guard l2Index != index else { return }
        try flushL2(output: output)
        l2Index = index
        l2 = [UInt8](repeating: 0, count: Int(options.clusterSize))
    }

    private func flushL2(output: any OutputSink) throws(ImageError) {
        guard let index = l2Index else { return }
        let offset = allocate(clusters: 1)
        try output.write(l2, at: HostOffset(offset))
        l1[index] = offset | L2Entry.copied
        l2Index = nil
    }

    /// Appends `count` clusters, each used once.
    private func allocate(clusters count: UInt64) -> UInt64 {
        let offset = end.alignedUp(to: options.clusterSize)
        let first = offset >> UInt64(clusterBits)
        for cluster in first..<first + count { refcounts.add(1, toCluster: cluster) }
        end = offset + count * options.clusterSize
        return offset
    }

    /// Writes the refcount blocks whose clusters all lie before ``end``: nothing will be added to them.
    private func flushCompleteRefcounts(output: any OutputSink) throws(ImageError) {
        while let block = refcounts.takeBlock(completeBefore: end >> UInt64(clusterBits)) {
            let offset = allocate(clusters: 1)
            try output.write(block, at: HostOffset(offset))
            try refcounts.placed(at: offset)
        }
    }

    package func finish(output: any OutputSink) throws(ImageError) -> [UInt64] {
        try flushL2(output: output)
        let l1Bytes = UInt64(l1.count * 8).alignedUp(to: options.clusterSize)
        let l1Offset = allocate(clusters: l1Bytes >> UInt64(clusterBits))
        var bytes = [UInt8](repeating: 0, count: Int(l1Bytes))
        for (index, entry) in l1.enumerated() { bytes.storeBigEndian(entry, at: index * 8) }
        try output.write(bytes, at: HostOffset(l1Offset))

        try flushCompleteRefcounts(output: output)
        let clusters = refcounts.remaining(usedClusters: end.alignedUp(to: options.clusterSize) >> UInt64(clusterBits))
        let tableOffset = allocate(clusters: clusters.table)
        let blocksOffset = allocate(clusters: clusters.blocks)
        for index in 0..<clusters.blocks {
            let offset = blocksOffset + index * options.clusterSize
            try output.write(refcounts.takeBlock(), at: HostOffset(offset))
            try refcounts.placed(at: offset)
        }
        try output.write(refcounts.table(clusters: clusters.table), at: HostOffset(tableOffset))
        try output.barrier()
        let header = QCOW2HeaderImage(
            options: options, virtualSize: virtualSize, l1Count: l1.count, l1Offset: l1Offset,
            refcountTableOffset: tableOffset, refcountTableClusters: clusters.table)
        try output.write(header.bytes, at: HostOffset(0))
        return [end]
    }
}
