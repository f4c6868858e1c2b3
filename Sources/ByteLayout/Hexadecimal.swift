extension FixedWidthInteger {
    /// All hexadecimal digits, in lower case.
    package var hexadecimalDigits: String {
        let digits = String(self, radix: 16)
        return String(repeating: "0", count: Self.bitWidth / 4 - digits.count) + digits
    }
}

extension Collection<UInt8> {
    /// These 16 bytes as a UUID is written: five parts, in lower case.
    package var uuidText: String {
        let digits = map(\.hexadecimalDigits)
        return [0..<4, 4..<6, 6..<8, 8..<10, 10..<16].map { digits[$0].joined() }.joined(separator: "-")
    }
}
