/// `/etc/fstab`: what the system mounts where (fstab(5)).
struct Fstab {
    struct Entry: Equatable {
        var device: DeviceName
        /// Where it is mounted; `none` or `swap` for swap space.
        var path: String
        var type: String
        var options: [String]

        /// Whether it is for discs that come and go.
        var isRemovable: Bool { type.split(separator: ",").contains { $0 == "iso9660" || $0 == "udf" } }
        /// The names on the way to ``path``.
        var directories: [Substring] { path.split(separator: "/").filter { $0 != "." } }
        /// ``path`` without superfluous slashes.
        var directory: String { "/" + directories.joined(separator: "/") }

        /// The value of an option `name=…`.
        func option(_ name: String) -> String? {
            options.last { $0.hasPrefix(name + "=") }.map { String($0.dropFirst(name.count + 1)) }
        }
    }

    let entries: [Entry]

    init(_ text: String) {
        entries = text.split(whereSeparator: \.isNewline).compactMap { line in
            let fields = line.split(whereSeparator: \.isWhitespace).map(String.init)
            guard fields.count >= 2, !fields[0].hasPrefix("#") else { return nil }
            return Entry(
                device: DeviceName(fields[0]), path: Self.unescaped(fields[1]),
                type: fields.count > 2 ? fields[2] : "auto",
                options: fields.count > 3 ? fields[3].split(separator: ",").map(String.init) : [])
        }
    }

    /// Blanks in paths are written in octal: `\040`.
    static func unescaped(_ path: String) -> String {
        path.split(separator: "\\", omittingEmptySubsequences: false).enumerated().reduce(into: "") { result, part in
            let code = part.element.prefix(3)
            if part.offset > 0, code.count == 3, let value = UInt8(code, radix: 8) {
                result += String(UnicodeScalar(value)) + part.element.dropFirst(3)
            } else {
                result += (part.offset > 0 ? "\\" : "") + part.element
            }
        }
    }
}
