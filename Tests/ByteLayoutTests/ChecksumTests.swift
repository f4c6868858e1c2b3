import ByteLayout
import Testing

@Suite struct ChecksumTests {
    /// The vectors of RFC 3720 (iSCSI), B.4, and the usual check value.
    @Test func crc32CHasTheValuesOfTheStandard() {
        #expect(CRC32C.of(Array("123456789".utf8)) == 0xE306_9283)
        #expect(CRC32C.of([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
        #expect(CRC32C.of([UInt8](repeating: 0xFF, count: 32)) == 0x62A8_AB43)
        #expect(CRC32C.of(Array(0..<32)) == 0x46DD_794E)
        #expect(CRC32C.of(Array((0..<32).reversed())) == 0x113F_DB5C)
        #expect(CRC32C.of([]) == 0)
    }

    @Test func crc32CMayBeMadeOfPieces() {
        var checksum = CRC32C()
        for piece in ["12", "", "3456789"] { checksum.update(Array(piece.utf8)) }
        #expect(checksum.value == 0xE306_9283)
    }

    @Test(arguments: [BitOrder.mostSignificantFirst, .leastSignificantFirst])
    func bitRunsAreAsLongAsTheyAre(order: BitOrder) {
        let bits = (0..<64).map { [3, 4, 5, 6, 7, 30, 63].contains($0) || (8..<24).contains($0) }
        var bytes = [UInt8](repeating: 0, count: 8)
        for (index, bit) in bits.enumerated() where bit {
            bytes[index / 8] |= order == .mostSignificantFirst ? 0x80 >> UInt8(index % 8) : 1 << UInt8(index % 8)
        }
        for start in 0..<64 {
            for end in start + 1...64 {
                let run = bytes.bitRun(at: start, end: end, order: order)
                #expect(run.isSet == bits[start])
                #expect(run.length == bits[start..<end].prefix { $0 == bits[start] }.count)
            }
        }
    }
}
