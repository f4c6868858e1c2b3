/// What a pax record (type `x`) says about the member behind it: lines `LENGTH KEY=VALUE\n`.
struct PaxAttributes {
    var name: String?
    var size: UInt64?
    /// GNU tar's and libarchive's sparse files: the data are only the parts that are no holes.
    var isSparse = false

    init() {}

    /// - Returns: nil if the record is malformed.
    init?(parsing bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let digits = rest.prefix { $0 != 0x20 }
            guard let length = Int(String(decoding: digits, as: UTF8.self)), length > digits.count + 1,
                length <= rest.count, rest[rest.startIndex + length - 1] == 0x0A
            else { return nil }
            let line = rest[(digits.endIndex + 1)..<(rest.startIndex + length - 1)]
            rest = rest.dropFirst(length)
            guard let equals = line.firstIndex(of: UInt8(ascii: "=")) else { return nil }
            let value = line[(equals + 1)...]
            switch String(decoding: line[..<equals], as: UTF8.self) {
            case "path": name = String(lenient: value)
            case "size":
                guard let number = UInt64(String(decoding: value, as: UTF8.self)) else { return nil }
                size = number
            case let key where key.hasPrefix("GNU.sparse."): isSparse = true
            default: break
            }
        }
    }
}
