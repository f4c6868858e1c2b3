import ByteLayout
import Testing

@Suite struct IntegerTests {
    @Test func readsBothByteOrdersAtAnyAlignment() {
        let bytes: [UInt8] = [0xFF, 0x12, 0x34, 0x56, 0x78]
        #expect(bytes.littleEndian(UInt32.self, at: 1) == 0x7856_3412)
        #expect(bytes.bigEndian(UInt32.self, at: 1) == 0x1234_5678)
        #expect(bytes.bigEndian(UInt16.self, at: 3) == 0x5678)
    }

    @Test func storesBigEndian() {
        var bytes = [UInt8](repeating: 0xEE, count: 6)
        bytes.storeBigEndian(UInt32(0x0102_0304), at: 1)
        #expect(bytes == [0xEE, 1, 2, 3, 4, 0xEE])
    }

    @Test func readingPastTheEndTraps() async {
        await #expect(processExitsWith: .failure) {
            _ = [UInt8](repeating: 0, count: 7).littleEndian(UInt64.self, at: 0)
        }
    }

    @Test func roundsWithoutOverflow() {
        #expect(UInt64(4097).alignedUp(to: 4096) == 8192)
        #expect(UInt64(4096).alignedUp(to: 4096) == 4096)
        #expect(UInt64(8191).alignedDown(to: 4096) == 4096)
        #expect(UInt64.max.dividedUp(by: 512) == 1 << 55)
        #expect(UInt64(0).dividedUp(by: 512) == 0)
    }
}
