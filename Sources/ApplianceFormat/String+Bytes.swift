extension String {
    /// The text with `mark` and the two hexadecimal digits behind it replaced by the byte they stand for.
    func resolvingEscapes(_ mark: Unicode.Scalar) -> String {
        var bytes: [UInt8] = []
        var rest = utf8[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: mark), let high = rest.first?.hexadecimal,
                let low = rest.dropFirst().first?.hexadecimal
            {
                bytes.append(high << 4 | low)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(lenient: bytes)
    }

    /// `bytes` as UTF-8, or, where they are none, as Latin-1: a name that can be shown and compared.
    init(lenient bytes: some Collection<UInt8>) {
        self =
            String(validating: bytes, as: UTF8.self)
            ?? String(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0) }))
    }
}

extension [UInt8] {
    /// The bytes that `digits`, two for each, stand for.
    init?(hexadecimal digits: String) {
        let values = digits.utf8.map(\.hexadecimal)
        guard values.count % 2 == 0 else { return nil }
        self = []
        for index in stride(from: 0, to: values.count, by: 2) {
            guard let high = values[index], let low = values[index + 1] else { return nil }
            append(high << 4 | low)
        }
    }
}

extension UInt8 {
    /// The value of an ASCII digit 0…9, a…f, A…F.
    fileprivate var hexadecimal: UInt8? {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): self - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): self - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): self - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
