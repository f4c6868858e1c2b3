import ByteLayout
package import DiskImage

/// Writes a qcow2 image front to back:
/// ```
///  header (last) │ data … │ L2 table │ data … │ refcount block │ … │ L1 table │ refcount table │ last refcount blocks
/// ```
/// Data comes in guest order. An L2 table follows the data it describes; a refcount block follows the clusters it
/// counts. In memory are one L2 table, one or two refcount blocks, the L1 table and the refcount table.
package final class QCOW2Writer: LateSizeWriter {
    package let layout: WriterLayout
    private let options: QCOW2WriterOptions
    private var virtualSize: UInt64 = 0
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
    /// The clusters of the disk before this one have been placed or passed over.
    private var placedClusters: UInt64 = 0

    /// Bytes of the disk that get their places together where nothing is written: as many as a chunk has, so that places
    /// do not depend on what is passed over.
    private static let preallocatedAtOnce: UInt64 = 2 << 20

    /// - Parameters:
    ///   - virtualSize: bytes of the disk, nil if they will be told at the end.
    ///   - encoding: how clusters are compressed, nil for plain ones.
    /// - Throws: `invalidOption` if a disk of this size can't be described with these options.
    package init(
        virtualSize: UInt64?, options: QCOW2WriterOptions, encoding: UnitEncoding?
    ) throws(ImageError) {
        self.options = options
        let cluster = options.clusterSize
        clusterBits = cluster.trailingZeroBitCount
        l2Count = cluster / options.l2EntryLength
        l1 = []
        guard QCOW2HeaderImage(options: options, virtualSize: virtualSize ?? 0).fits,
            options.backing?.name.utf8.count ?? 0 <= BackingReference.maximumNameLength
        else {
            throw ImageError(
                .invalidOption, "the names of the image's other files are too long for its first cluster",
                advice: "choose a larger -o cluster_size or shorter names")
        }
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
            unitSize: Int(cluster), subunitsPerUnit: options.hasExtendedL2 ? 32 : 1,
            keepsOffsets: options.preallocates || options.dataFile != nil,
            encoding: encoding,
            compressedSpacing: options.refcountBits >= 16 ? 0 : Int(cluster.dividedUp(by: max(1, maximum - 1))),
            unusedPlaces: options.preallocates ? .chunks : .none)
        try setVirtualSize(virtualSize ?? 0)
    }

    package func setVirtualSize(_ size: UInt64) throws(ImageError) {
        virtualSize = size
        try growL1(for: size)
    }

    /// Makes the L1 table long enough for a disk of `size` bytes.
    private func growL1(for size: UInt64) throws(ImageError) {
        let count = Int(try options.l1Count(virtualSize: size))
        l1 += [UInt64](repeating: 0, count: max(0, count - l1.count))
    }

    package var companions: [String] { options.dataFile.map { [$0.name] } ?? [] }

    /// Header, clusters, L2 tables, L1 table, and what counts them and itself.
    package var fullSizes: [UInt64]? {
        let cluster = options.clusterSize
        let clusters = virtualSize.dividedUp(by: cluster)
        let l1Clusters = UInt64(l1.count * 8).dividedUp(by: cluster)
        let used = 1 + (options.dataFile == nil ? clusters : 0) + clusters.dividedUp(by: l2Count) + l1Clusters
        let counts = RefcountBuilder(clusterSize: cluster, bits: options.refcountBits).remaining(usedClusters: used)
        let size = (used + counts.table + counts.blocks) * cluster
        return options.dataFile == nil ? [size] : [size, virtualSize]
    }

    package func place(_ chunk: EncodedChunk, output: any OutputSink) throws(ImageError) -> Placement {
        let first = chunk.offset.bytes >> UInt64(clusterBits)
        if options.preallocates { try preallocate(upTo: first, output: output) }
        var placement = Placement()
        if chunk.compressedLength > 0 {
            placement.compressed = HostOffset(end)
            end += UInt64(chunk.compressedLength)
        }
        let clusters = UInt64(layout.keepsOffsets ? chunk.units.count : chunk.plainCount)
        if clusters > 0 {
            let length = clusters * options.clusterSize
            let offset = HostOffset(placePlain(firstCluster: first, count: clusters))
            placement.plain = [Placement.Piece(length: length, file: options.dataFile == nil ? 0 : 1, at: offset)]
        }
        try enter(chunk, firstCluster: first, placement, output: output)
        placedClusters = first + UInt64(chunk.units.count)
        try flushCompleteRefcounts(output: output)
        try output.reserve(upTo: end.alignedUp(to: max(options.clusterSize, 4096)))
        if options.dataFile != nil { try output.reserve(1, upTo: placedClusters << UInt64(clusterBits)) }
        return placement
    }

    /// Host offset for `count` plain clusters, of which the first is `firstCluster` of the disk.
    private func placePlain(firstCluster: UInt64, count: UInt64) -> UInt64 {
        options.dataFile == nil ? allocate(clusters: count) : firstCluster << UInt64(clusterBits)
    }

    /// Gives the clusters before `cluster` that were passed over their places.
    private func preallocate(upTo cluster: UInt64, output: any OutputSink) throws(ImageError) {
        let perChunk = Self.preallocatedAtOnce >> UInt64(clusterBits)
        while placedClusters < cluster {
            let first = placedClusters
            let count = min(perChunk, cluster - first)
            let start = placePlain(firstCluster: first, count: count)
            for index in 0..<count {
                let offset = start + index * options.clusterSize
                try enter(
                    .plain(at: offset), options.backing == nil ? .allZero : .init(), cluster: first + index,
                    output: output)
            }
            placedClusters += count
            try flushCompleteRefcounts(output: output)
        }
    }

    /// Enters the chunk's clusters into their L2 tables.
    private func enter(
        _ chunk: EncodedChunk, firstCluster: UInt64, _ placement: Placement, output: any OutputSink
    ) throws(ImageError) {
        var plain = placement.plain.first?.offset.bytes ?? 0
        for (index, unit) in chunk.units.enumerated() {
            let subclusters = options.hasExtendedL2 ? chunk.subunits[index] : StoredSubunits()
            let entry: L2Entry?
            switch unit {
            case .unallocated: entry = options.preallocates ? .plain(at: plain) : nil
            case .zero: entry = options.preallocates ? .plain(at: plain) : options.backing == nil ? nil : zeroEntry
            case .plain: entry = .plain(at: plain)
            case .compressed(let offset, let length):
                entry = .compressed(
                    at: placement.compressed.bytes + UInt64(offset), length: Int(length), clusterBits: clusterBits)
            }
            if unit == .plain || layout.keepsOffsets { plain += options.clusterSize }
            if let entry { try enter(entry, subclusters, cluster: firstCluster + UInt64(index), output: output) }
        }
    }

    /// For a cluster that is zero, or partly zero, over a backing file that has something else. With extended L2 entries
    /// the subclusters tell.
    private var zeroEntry: L2Entry { options.hasExtendedL2 ? L2Entry(rawValue: 0) : .marked }

    /// Enters a cluster into its L2 table.
    private func enter(
        _ entry: L2Entry, _ subclusters: StoredSubunits, cluster: UInt64, output: any OutputSink
    ) throws(ImageError) {
        if entry.isCompressed {
            let touched = entry.compressedRange(clusterBits: clusterBits)
            let last = (touched.upperBound - 1) >> UInt64(clusterBits)
            for hostCluster in touched.lowerBound >> UInt64(clusterBits)...last {
                refcounts.add(1, toCluster: hostCluster)
            }
        }
        try selectL2(Int(cluster / l2Count), output: output)
        let position = Int(cluster % l2Count * options.l2EntryLength)
        l2.storeBigEndian(entry.rawValue, at: position)
        // A compressed cluster has no subclusters.
        guard options.hasExtendedL2, !entry.isCompressed else { return }
        l2.storeBigEndian(UInt64(subclusters.zero) << 32 | UInt64(subclusters.stored), at: position + 8)
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
        try growL1(for: (UInt64(index) + 1) * l2Count * options.clusterSize)
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
        if options.preallocates {
            try preallocate(upTo: virtualSize.dividedUp(by: options.clusterSize), output: output)
        }
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
        return options.dataFile == nil ? [end] : [end, virtualSize]
    }
}
