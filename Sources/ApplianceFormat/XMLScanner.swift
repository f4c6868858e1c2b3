/// A small, strict reader of XML 1.0. It knows no document types, and so no entities but the five that every document
/// has: nothing in a document can name a file or grow.
struct XMLScanner {
    enum Event: Equatable {
        /// Names are without their namespace prefix.
        case start(String, [String: String])
        case end(String)
        case text(String)
    }

    struct Invalid: Error {
        var offset: Int
        var message: String
    }

    private let bytes: [UInt8]
    private var position = 0
    /// The elements that are open, with their prefixes.
    private var open: [String] = []
    /// The element that a `/>` has just opened and closed.
    private var isEmptyElement = false
    private var hasRoot = false

    private static let maximumDepth = 128
    private static let maximumAttributes = 64
    private static let maximumName = 256

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
    }

    /// The next event, nil at the end of the document. Comments and processing instructions are passed over.
    mutating func next() throws(Invalid) -> Event? {
        if isEmptyElement {
            isEmptyElement = false
            return .end(Self.localName(open.removeLast()))
        }
        while position < bytes.count {
            if !skipIfAt("<?", upTo: "?>"), !skipIfAt("<!--", upTo: "-->") {
                if isAt("<![CDATA[") { return .text(try characterData()) }
                guard !isAt("<!") else { throw invalid("document types are not allowed") }
                guard !isAt("</") else { return try endTag() }
                guard !isAt("<") else { return try startTag() }
                let text = bytes[position...].prefix { $0 != UInt8(ascii: "<") }
                if open.isEmpty {
                    guard text.allSatisfy(\.isXMLBlank) else { throw invalid("there is text outside the root element") }
                    position = text.endIndex
                } else {
                    return .text(try resolve(text))
                }
            }
        }
        guard open.isEmpty, hasRoot else { throw invalid("the document ends too early") }
        return nil
    }

    // MARK: Tags

    private mutating func startTag() throws(Invalid) -> Event {
        guard !open.isEmpty || !hasRoot else { throw invalid("there is a second root element") }
        position += 1
        let name = try self.name()
        var attributes: [String: String] = [:]
        while true {
            let hadBlank = skipBlanks()
            if skipIfAt("/>") {
                isEmptyElement = true
                break
            }
            if skipIfAt(">") { break }
            guard hadBlank else { throw invalid("there is no blank between attributes") }
            let attribute = Self.localName(try self.name())
            _ = skipBlanks()
            guard skipIfAt("=") else { throw invalid("an attribute has no value") }
            _ = skipBlanks()
            // Of two attributes that differ in their namespace the first is OVF's own.
            let value = try quoted()
            if attributes[attribute] == nil { attributes[attribute] = value }
            guard attributes.count <= Self.maximumAttributes else {
                throw invalid("an element has too many attributes")
            }
        }
        hasRoot = true
        open.append(name)
        guard open.count <= Self.maximumDepth else { throw invalid("elements are nested too deeply") }
        return .start(Self.localName(name), attributes)
    }

    private mutating func endTag() throws(Invalid) -> Event {
        position += 2
        let name = try self.name()
        _ = skipBlanks()
        guard skipIfAt(">") else { throw invalid("an end tag is not closed") }
        guard open.last == name else { throw invalid("the end tag of \"\(name)\" does not match its start tag") }
        return .end(Self.localName(open.removeLast()))
    }

    private mutating func name() throws(Invalid) -> String {
        let name = bytes[position...].prefix(Self.maximumName).prefix(while: \.isInXMLName)
        guard let first = name.first, first.startsXMLName else { throw invalid("a name is missing") }
        position = name.endIndex
        return String(lenient: name)
    }

    private mutating func quoted() throws(Invalid) -> String {
        guard position < bytes.count, [UInt8(ascii: "\""), UInt8(ascii: "'")].contains(bytes[position]) else {
            throw invalid("an attribute's value has no quotes")
        }
        let quote = bytes[position]
        position += 1
        let text = bytes[position...].prefix { $0 != quote && $0 != UInt8(ascii: "<") }
        let value = try resolve(text)
        guard position < bytes.count, bytes[position] == quote else {
            throw invalid("an attribute's value has no closing quote")
        }
        position += 1
        return value
    }

    // MARK: Text

    private mutating func characterData() throws(Invalid) -> String {
        let start = position + "<![CDATA[".utf8.count
        guard skipIfAt("<![CDATA[", upTo: "]]>") else { throw invalid("a CDATA section does not end") }
        return String(lenient: bytes[start..<position - 3])
    }

    /// The text with its references replaced; the position is then behind it.
    private mutating func resolve(_ text: ArraySlice<UInt8>) throws(Invalid) -> String {
        var resolved: [UInt8] = []
        var rest = text
        while let ampersand = rest.firstIndex(of: UInt8(ascii: "&")) {
            resolved += rest[..<ampersand]
            position = ampersand
            let reference = rest[(ampersand + 1)...].prefix { $0 != UInt8(ascii: ";") }
            guard reference.endIndex < rest.endIndex, reference.count <= 10,
                let character = Self.character(String(decoding: reference, as: UTF8.self))
            else { throw invalid("there is a reference to an unknown entity") }
            resolved += Array(String(character).utf8)
            rest = rest[(reference.endIndex + 1)...]
        }
        position = text.endIndex
        return String(lenient: resolved + rest)
    }

    /// What `&reference;` stands for.
    private static func character(_ reference: String) -> Character? {
        let predefined: [String: Character] = ["lt": "<", "gt": ">", "amp": "&", "quot": "\"", "apos": "'"]
        if let character = predefined[reference] { return character }
        let number =
            if reference.hasPrefix("#x") { UInt32(reference.dropFirst(2), radix: 16) } else if reference.hasPrefix("#")
            { UInt32(reference.dropFirst()) } else { UInt32?.none }
        return number.flatMap { $0 > 0 ? Unicode.Scalar($0) : nil }.map(Character.init)
    }

    private static func localName(_ name: String) -> String {
        name.lastIndex(of: ":").map { String(name[name.index(after: $0)...]) } ?? name
    }

    // MARK: Moving

    private func isAt(_ text: String) -> Bool { bytes[position...].starts(with: text.utf8) }

    private mutating func skipIfAt(_ text: String) -> Bool {
        guard isAt(text) else { return false }
        position += text.utf8.count
        return true
    }

    /// Passes over what starts with `start` and ends with `end`, if that is what comes and it does end.
    private mutating func skipIfAt(_ start: String, upTo end: String) -> Bool {
        guard isAt(start) else { return false }
        let end = Array(end.utf8)
        var index = position + start.utf8.count
        while index + end.count <= bytes.count {
            if bytes[index] == end[0], bytes[index..<index + end.count].elementsEqual(end) {
                position = index + end.count
                return true
            }
            index += 1
        }
        return false
    }

    private mutating func skipBlanks() -> Bool {
        let start = position
        while position < bytes.count, bytes[position].isXMLBlank { position += 1 }
        return position > start
    }

    private func invalid(_ message: String) -> Invalid { Invalid(offset: position, message: message) }
}

extension UInt8 {
    /// Blank, tab, or the end of a line.
    fileprivate var isXMLBlank: Bool { self == 0x20 || self == 0x0A || self == 0x0D || self == 0x09 }

    /// Letters, and whatever is not ASCII.
    fileprivate var startsXMLName: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), 0x80...: true
        default: self == UInt8(ascii: "_") || self == UInt8(ascii: ":")
        }
    }

    fileprivate var isInXMLName: Bool {
        startsXMLName || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) || self == UInt8(ascii: "-")
            || self == UInt8(ascii: ".")
    }
}
