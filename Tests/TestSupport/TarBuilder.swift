import Foundation

/// Writes tar archives block by block, in the spellings that tools use; made from POSIX's and GNU tar's descriptions.
package struct TarBuilder {
    /// How names and sizes are written.
    package enum Style: Sendable, CaseIterable {
        /// POSIX ustar; long names in name and prefix.
        case ustar
        /// GNU: names in `L` records, sizes in base 256.
        case gnu
        /// pax: names and sizes in `x` records.
        case pax
    }

    package var style = Style.ustar
    package private(set) var bytes: [UInt8] = []

    package init(style: Style = .ustar) {
        self.style = style
    }

    /// Appends a member. Its `size` is what the header says; with `content` missing only the header is written.
    package mutating func add(
        _ name: String, _ content: [UInt8]?, size: UInt64? = nil, type: Character = "0"
    ) {
        let size = size ?? UInt64(content?.count ?? 0)
        switch style {
        case .ustar: bytes += Self.header(name, octal(size), type: type)
        case .gnu:
            let record = Array(name.utf8) + [0]
            bytes += Self.header("././@LongLink", octal(UInt64(record.count)), type: "L") + Self.padded(record)
            let bigEndian = withUnsafeBytes(of: size.bigEndian) { Array($0) }
            let base256: [UInt8] = [0x80, 0, 0, 0] + bigEndian
            bytes += Self.header("short", base256, type: type)
        case .pax:
            let records = Array((Self.record("path", name) + Self.record("size", "\(size)")).utf8)
            bytes += Self.header("PaxHeader/x", octal(UInt64(records.count)), type: "x") + Self.padded(records)
            bytes += Self.header("short", octal(0), type: type)
        }
        if let content { bytes += Self.padded(content) }
    }

    /// The archive with its end: two blocks of zeros.
    package var archive: [UInt8] { bytes + [UInt8](repeating: 0, count: 1024) }

    private func octal(_ number: UInt64) -> [UInt8] {
        let digits = String(number, radix: 8)
        return Array((String(repeating: "0", count: max(0, 11 - digits.count)) + digits + " ").utf8.prefix(12))
    }

    /// A header block with its checksum.
    package static func header(_ name: String, _ size: [UInt8], type: Character) -> [UInt8] {
        var block = [UInt8](repeating: 0, count: 512)
        func put(_ bytes: some Collection<UInt8>, at offset: Int) {
            block.replaceSubrange(offset..<offset + bytes.count, with: bytes)
        }
        var short = name
        if name.utf8.count > 100, let slash = name.prefix(156).lastIndex(of: "/") {
            put(name[..<slash].utf8, at: 345)
            short = String(name[name.index(after: slash)...])
        }
        put(short.utf8, at: 0)
        put("0000644\0".utf8, at: 100)
        put("0000000\0".utf8, at: 108)
        put("0000000\0".utf8, at: 116)
        put(size, at: 124)
        put("00000000000\0".utf8, at: 136)
        put(Array(repeating: 0x20, count: 8), at: 148)
        put([type.asciiValue ?? 0], at: 156)
        put("ustar\u{0}00".utf8, at: 257)
        let sum = block.reduce(0) { $0 + Int($1) }
        let digits = String(sum, radix: 8)
        put((String(repeating: "0", count: 6 - digits.count) + digits + "\0 ").utf8, at: 148)
        return block
    }

    /// `LENGTH KEY=VALUE\n`, where the length counts itself.
    private static func record(_ key: String, _ value: String) -> String {
        let rest = " \(key)=\(value)\n"
        var length = rest.utf8.count
        while String(length).utf8.count + rest.utf8.count != length { length += 1 }
        return "\(length)\(rest)"
    }

    private static func padded(_ bytes: [UInt8]) -> [UInt8] {
        bytes + [UInt8](repeating: 0, count: (512 - bytes.count % 512) % 512)
    }
}
