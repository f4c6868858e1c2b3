import ByteLayout

/// Writes qcow2 images as the format's description allows them and qemu-img does not: clusters compressed by anything.
package struct QCOW2Builder {
    package var clusterBits = 16
    /// 0 raw deflate, 1 Zstandard.
    package var compressionType: UInt8 = 0
    /// Bytes that are left free behind each compressed cluster.
    package var gap = 0
    /// Compresses a cluster; nil to store it as it is.
    package var compress: ([UInt8]) -> [UInt8]?

    package init(compress: @escaping ([UInt8]) -> [UInt8]?) {
        self.compress = compress
    }

    private var clusterSize: Int { 1 << clusterBits }

    /// The image of a disk with the content `disk`: header, data, L2 tables, L1 table, refcount blocks and table.
    package func image(of disk: [UInt8]) -> [UInt8] {
        var file = [UInt8](repeating: 0, count: clusterSize)
        let entries = store(disk, &file)
        let l2Offsets = stride(from: 0, to: entries.count, by: clusterSize / 8).map { first in
            append(entries[first..<min(first + clusterSize / 8, entries.count)], &file)
        }
        let copied = UInt64(1) << 63
        let l1Offset = append(l2Offsets.isEmpty ? [0] : l2Offsets.map { copied | UInt64($0) }[...], &file)
        var counts = referenceCounts(entries, clusters: file.count / clusterSize)
        // Refcounts of 16 bits; the blocks and the table count themselves.
        let perBlock = clusterSize / 2
        var blocks = 0
        while counts.count + blocks + 1 > blocks * perBlock { blocks += 1 }
        counts += [UInt16](repeating: 1, count: blocks + 1)
        var blockOffsets: [UInt64] = []
        for block in 0..<blocks {
            blockOffsets.append(UInt64(file.count))
            for count in counts[min(block * perBlock, counts.count)..<min((block + 1) * perBlock, counts.count)] {
                file += littleEndian(count).reversed()
            }
            pad(&file)
        }
        let table = append(blockOffsets[...], &file)
        file.replaceSubrange(0..<112, with: header(disk.count, max(1, l2Offsets.count), l1Offset, table))
        return file
    }

    /// Stores the clusters that are not zero.
    /// - Returns: the L2 entries.
    private func store(_ disk: [UInt8], _ file: inout [UInt8]) -> [UInt64] {
        var entries: [UInt64] = []
        // Behind compressed data the rest of a cluster is free for more of it.
        var compressedEnd: Int?
        for start in stride(from: 0, to: disk.count, by: clusterSize) {
            var cluster = Array(disk[start..<min(start + clusterSize, disk.count)])
            cluster += [UInt8](repeating: 0, count: clusterSize - cluster.count)
            if cluster.allSatisfy({ $0 == 0 }) {
                entries.append(0)
            } else if let data = compress(cluster), data.count < clusterSize {
                let offset = compressedEnd ?? file.count
                file.removeLast(file.count - offset)
                file += data
                let moreSectors = (offset + data.count - 1) / 512 - offset / 512
                entries.append(1 << 62 | UInt64(moreSectors) << UInt64(62 - (clusterBits - 8)) | UInt64(offset))
                file += [UInt8](repeating: 0xA5, count: gap)
                compressedEnd = file.count
                pad(&file)
            } else {
                entries.append(1 << 63 | UInt64(file.count))
                file += cluster
                compressedEnd = nil
            }
        }
        return entries
    }

    /// Each host cluster counts what touches it; compressed data to the end of its last sector.
    private func referenceCounts(_ entries: [UInt64], clusters: Int) -> [UInt16] {
        var counts = [UInt16](repeating: 0, count: clusters)
        for entry in entries where entry >> 62 == 1 {
            let bits = UInt64(62 - (clusterBits - 8))
            let offset = Int(entry & (1 << bits - 1))
            let sectors = Int((entry & (1 << 62 - 1)) >> bits) + 1
            let end = offset / 512 * 512 + sectors * 512
            for cluster in offset / clusterSize...min((end - 1) / clusterSize, clusters - 1) { counts[cluster] += 1 }
        }
        return counts.map { max(1, $0) }
    }

    /// Appends a table of 64-bit entries.
    private func append(_ entries: ArraySlice<UInt64>, _ file: inout [UInt8]) -> Int {
        let offset = file.count
        for entry in entries { file += littleEndian(entry).reversed() }
        pad(&file)
        return offset
    }

    private func header(_ size: Int, _ l1Count: Int, _ l1Offset: Int, _ refcountTable: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 112)
        bytes.replaceSubrange(0..<4, with: [0x51, 0x46, 0x49, 0xFB])
        bytes.storeBigEndian(UInt32(3), at: 4)
        bytes.storeBigEndian(UInt32(clusterBits), at: 20)
        bytes.storeBigEndian(UInt64(size), at: 24)
        bytes.storeBigEndian(UInt32(l1Count), at: 36)
        bytes.storeBigEndian(UInt64(l1Offset), at: 40)
        bytes.storeBigEndian(UInt64(refcountTable), at: 48)
        bytes.storeBigEndian(UInt32(1), at: 56)
        bytes.storeBigEndian(UInt64(compressionType == 0 ? 0 : 1 << 3), at: 72)
        bytes.storeBigEndian(UInt32(4), at: 96)
        bytes.storeBigEndian(UInt32(112), at: 100)
        bytes[104] = compressionType
        return bytes
    }

    private func pad(_ file: inout [UInt8]) {
        file += [UInt8](repeating: 0, count: (clusterSize - file.count % clusterSize) % clusterSize)
    }
}
