import ByteLayout

/// A 128-bit identifier as Windows and VirtualBox store it: the first three of its five parts are little-endian.
package struct GUID: Hashable, Sendable {
    package let bytes: [UInt8]

    package static let zero = GUID([UInt8](repeating: 0, count: 16))

    /// The identifier that is stored as these 16 bytes.
    package init(_ bytes: some Collection<UInt8>) {
        precondition(bytes.count == 16, "an identifier has 16 bytes")
        self.bytes = Array(bytes)
    }

    /// The identifier written as `text`: 32 hexadecimal digits in five parts, perhaps in braces.
    package init?(_ text: String) {
        let digits = text.filter { !"{}-".contains($0) }.compactMap { $0.hexDigitValue.map { UInt8($0) } }
        guard digits.count == 32, text.count <= 38 else { return nil }
        self.init(Self.reordered(stride(from: 0, to: 32, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }))
    }

    /// The identifier written as `text`, which is one.
    package static func known(_ text: String) -> GUID {
        guard let guid = GUID(text) else { preconditionFailure("\(text) is no identifier") }
        return guid
    }

    /// Between the order in which it is stored and that in which it is written.
    private static func reordered(_ bytes: [UInt8]) -> [UInt8] {
        bytes[0..<4].reversed() + bytes[4..<6].reversed() + bytes[6..<8].reversed() + bytes[8...]
    }
}

extension GUID: CustomStringConvertible {
    /// Five parts in lower case.
    package var description: String { Self.reordered(bytes).uuidText }
}
