import ByteLayout
import Testing

@Suite struct ZeroScanTests {
    @Test(arguments: [0, 1, 7, 8, 9, 511, 512, 513, 4096, 65536, 65539])
    func findsASingleByteAnywhere(length: Int) {
        var bytes = [UInt8](repeating: 0, count: length + 3)
        for start in 0..<3 {
            #expect(isZero(bytes, start..<start + length))
            for position in [0, 1, length / 2, length - 1] where position >= 0 && position < length {
                bytes[start + position] = 0x80
                #expect(!isZero(bytes, start..<start + length), "length \(length), byte \(position)")
                bytes[start + position] = 0
            }
        }
    }

    @Test func ignoresBytesOutside() {
        var bytes = [UInt8](repeating: 0xFF, count: 1026)
        for index in 1..<1025 { bytes[index] = 0 }
        #expect(isZero(bytes, 1..<1025))
        #expect(!isZero(bytes, 0..<1025))
        #expect(!isZero(bytes, 1..<1026))
    }

    private func isZero(_ bytes: [UInt8], _ range: Range<Int>) -> Bool {
        bytes.withUnsafeBytes { ZeroScan.isZero(UnsafeRawBufferPointer(rebasing: $0[range])) }
    }
}
