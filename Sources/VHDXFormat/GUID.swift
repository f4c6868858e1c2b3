/// A 128-bit identifier as Windows stores it: the first three of its five parts are little-endian.
struct GUID: Hashable {
    let bytes: [UInt8]

    static let zero = GUID([UInt8](repeating: 0, count: 16))

    /// The identifier that is stored as these 16 bytes.
    init(_ bytes: some Collection<UInt8>) {
        precondition(bytes.count == 16, "an identifier has 16 bytes")
        self.bytes = Array(bytes)
    }

    /// The identifier written as `text`: 32 hexadecimal digits in five parts, perhaps in braces.
    init?(_ text: String) {
        let digits = text.filter { !"{}-".contains($0) }.compactMap { $0.hexDigitValue.map { UInt8($0) } }
        guard digits.count == 32, text.count <= 38 else { return nil }
        let written = stride(from: 0, to: 32, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
        bytes = written[0..<4].reversed() + written[4..<6].reversed() + written[6..<8].reversed() + written[8...]
    }

    /// The identifier written as `text`, which is one.
    static func known(_ text: String) -> GUID {
        guard let guid = GUID(text) else { preconditionFailure("\(text) is no identifier") }
        return guid
    }
}
