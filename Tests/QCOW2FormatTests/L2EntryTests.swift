import Testing

@testable import QCOW2Format

/// The worked examples of docs/interop/qcow2.txt: x = 62 - (cluster_bits - 8).
@Suite struct L2EntryTests {
    @Test(arguments: [(9, 61), (12, 58), (16, 54), (21, 49)])
    func offsetTakesTheBitsTheSpecificationSays(clusterBits: Int, bits: Int) {
        #expect(L2Entry.compressedOffsetBits(clusterBits: clusterBits) == bits)
    }

    @Test(arguments: [9, 12, 16, 21], [(0x5_0000 as UInt64, 1), (0x5_01FF, 2), (0x5_0123, 400), (0x5_0200, 512)])
    func compressedRangeCoversWholeSectors(clusterBits: Int, data: (offset: UInt64, length: Int)) {
        let entry = L2Entry.compressed(at: data.offset, length: data.length, clusterBits: clusterBits)
        let range = entry.compressedRange(clusterBits: clusterBits)
        #expect(entry.isCompressed && entry.rawValue >> 63 == 0)
        #expect(range.lowerBound == data.offset)
        #expect(range.upperBound % 512 == 0)
        #expect(range.upperBound >= data.offset + UInt64(data.length))
        #expect(range.upperBound - (data.offset + UInt64(data.length)) < 512)
    }

    @Test func plainEntriesAreMarkedAsCopied() {
        let entry = L2Entry.plain(at: 0x30000)
        #expect(entry.rawValue == 0x8000_0000_0003_0000)
        #expect(entry.hostOffset == 0x30000 && !entry.isCompressed && !entry.isZero && !entry.hasReservedBits)
    }
}
