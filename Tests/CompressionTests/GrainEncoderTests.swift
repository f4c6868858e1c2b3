import ByteLayout
import CZlib
import Compression
import DiskImage
import TestSupport
import Testing

/// Grains as VMDK wants them, judged by zlib.
@Suite struct GrainEncoderTests {
    private static let contents: [[UInt8]] = [
        [UInt8](repeating: 0, count: 65536), Array(DiskContent.mixed.bytes()[..<65536]), noise(),
    ]

    private static func noise() -> [UInt8] {
        var random = SplitMix(state: 7)
        return (0..<65536).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    }

    @Test(arguments: 0...12)
    func everyLevelMakesWholeSectorsThatZlibInflates(level: Int) throws {
        let encoding = UnitEncoding.vmdkGrain(level: level)
        let encoder = encoding.makeEncoder()
        for content in Self.contents {
            var grain = [UInt8](repeating: 0xEE, count: encoding.limit(forUnit: content.count))
            let length = try #require(
                content.withUnsafeBytes { source in
                    grain.withUnsafeMutableBytes { encoder.encode(source, at: GuestOffset(5 << 40), into: $0) }
                })
            #expect(length % 512 == 0)
            #expect(grain.littleEndian(UInt64.self, at: 0) == (5 << 40) / 512)
            let stored = Int(grain.littleEndian(UInt32.self, at: 8))
            #expect((length - 511...length).contains(12 + stored))
            #expect(grain[(12 + stored)..<length].allSatisfy { $0 == 0 })
            var inflated = [UInt8](repeating: 0, count: content.count)
            var count = uLong(inflated.count)
            // Checks the header and the Adler-32 too.
            #expect(uncompress(&inflated, &count, Array(grain[12..<12 + stored]), uLong(stored)) == Z_OK)
            #expect(Int(count) == content.count && inflated == content)
        }
    }
}
