/// A section of LVM's text format: `name = value` and `name { … }`, with `#` comments. (lvm.conf(5) describes the syntax.)
struct LVMConfiguration {
    enum Value: Equatable {
        case text(String)
        case number(UInt64)
        case list([Value])
    }

    private(set) var values: [String: Value] = [:]
    /// In the order of the text.
    private(set) var sections: [Section] = []

    struct Section {
        var name: String
        var content: LVMConfiguration
    }

    /// Sections inside sections: a group has volumes, which have segments.
    private static let maximumDepth = 8

    /// - Throws: `damaged`.
    init(_ text: String) throws(GuestError) {
        var scanner = Scanner(bytes: Array(text.utf8))
        self = try Self.parse(&scanner, depth: 0)
    }

    private init() {}

    func text(_ name: String) -> String? {
        if case .text(let text)? = values[name] { return text }
        return nil
    }

    func number(_ name: String) -> UInt64? {
        if case .number(let number)? = values[name] { return number }
        return nil
    }

    func section(_ name: String) -> LVMConfiguration? {
        sections.first { $0.name == name }?.content
    }

    private static func parse(_ scanner: inout Scanner, depth: Int) throws(GuestError) -> LVMConfiguration {
        guard depth <= maximumDepth else { throw scanner.problem("sections are too deep") }
        var result = LVMConfiguration()
        while let byte = scanner.next() {
            if byte == UInt8(ascii: "}") {
                guard depth > 0 else { throw scanner.problem("a brace closes nothing") }
                scanner.position += 1
                return result
            }
            let name = scanner.word()
            guard !name.isEmpty else { throw scanner.problem("a name is missing") }
            switch scanner.next() {
            case UInt8(ascii: "{"):
                scanner.position += 1
                result.sections.append(Section(name: name, content: try parse(&scanner, depth: depth + 1)))
            case UInt8(ascii: "="):
                scanner.position += 1
                result.values[name] = try value(&scanner)
            default: throw scanner.problem("\"\(name)\" has no value")
            }
        }
        guard depth == 0 else { throw scanner.problem("a section does not end") }
        return result
    }

    private static func value(_ scanner: inout Scanner) throws(GuestError) -> Value {
        guard scanner.next() == UInt8(ascii: "[") else { return try scalar(&scanner) }
        scanner.position += 1
        var list: [Value] = []
        while let byte = scanner.next() {
            scanner.position += 1
            if byte == UInt8(ascii: "]") { return .list(list) }
            if byte == UInt8(ascii: ",") { continue }
            scanner.position -= 1
            list.append(try scalar(&scanner))
        }
        throw scanner.problem("a list does not end")
    }

    private static func scalar(_ scanner: inout Scanner) throws(GuestError) -> Value {
        if scanner.next() == UInt8(ascii: "\"") { return .text(try scanner.quoted()) }
        let word = scanner.word()
        // Nothing that matters here is negative or a fraction; it is kept as text.
        guard !word.isEmpty else { throw scanner.problem("a value is missing") }
        return UInt64(word).map(Value.number) ?? .text(word)
    }

    private struct Scanner {
        let bytes: [UInt8]
        var position = 0

        init(bytes: [UInt8]) {
            self.bytes = bytes
        }

        func problem(_ what: String) -> GuestError {
            GuestError(.damaged, "the metadata of an LVM volume group is damaged at byte \(position): \(what)")
        }

        /// The next byte that is neither blank nor in a comment; stays there.
        mutating func next() -> UInt8? {
            while position < bytes.count {
                switch bytes[position] {
                case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\n"), UInt8(ascii: "\r"): position += 1
                case UInt8(ascii: "#"):
                    while position < bytes.count, bytes[position] != UInt8(ascii: "\n") { position += 1 }
                case let byte: return byte
                }
            }
            return nil
        }

        /// A name or number.
        mutating func word() -> String {
            let start = position
            while position < bytes.count, !Array(" \t\r\n={}[],#\"".utf8).contains(bytes[position]) { position += 1 }
            return String(decoding: bytes[start..<position], as: UTF8.self)
        }

        /// What is between quotes; a backslash takes the next character as it is.
        mutating func quoted() throws(GuestError) -> String {
            position += 1
            var text: [UInt8] = []
            while position < bytes.count {
                let byte = bytes[position]
                position += 1
                if byte == UInt8(ascii: "\"") { return String(decoding: text, as: UTF8.self) }
                if byte == UInt8(ascii: "\\"), position < bytes.count {
                    text.append(bytes[position])
                    position += 1
                } else {
                    text.append(byte)
                }
            }
            throw problem("a text does not end")
        }
    }
}
