/// A name of at most 8 characters and an extension of 3, as directories have them: padded, in upper case, without the dot.
struct ShortName: Hashable {
    /// 11 bytes of the code page, as they are stored.
    var stored: [UInt8]
    /// What Windows NT adds: that the name, the extension, or both are in lower case.
    var caseBits: UInt8

    static let lowerCaseBase: UInt8 = 0x08
    static let lowerCaseExtension: UInt8 = 0x10
    private static let space: UInt8 = 0x20
    /// Stored for a first byte that would mark the entry as deleted.
    private static let escaped: UInt8 = 0x05

    /// The first two entries of a directory that isn't the root.
    static let current = ShortName(stored: Array(".          ".utf8), caseBits: 0)
    static let parent = ShortName(stored: Array("..         ".utf8), caseBits: 0)

    init(stored: [UInt8], caseBits: UInt8) {
        precondition(stored.count == 11, "8 and 3 characters")
        self.stored = stored
        self.caseBits = caseBits & (Self.lowerCaseBase | Self.lowerCaseExtension)
    }

    /// The short form of `name`, if it has one that is shown like it.
    init?(exactly name: String) {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count <= 2, let base = parts.first.flatMap({ Self.part($0, length: 8) }), !name.hasSuffix("."),
            let suffix = Self.part(parts.count == 2 ? parts[1] : "", length: 3), parts[0] != ""
        else { return nil }
        self.init(
            stored: base.bytes + suffix.bytes,
            caseBits: (base.isLower ? Self.lowerCaseBase : 0) | (suffix.isLower ? Self.lowerCaseExtension : 0))
    }

    /// A part of a name, padded; nil if it isn't of one case, or has characters that a short name can't have.
    private static func part(_ text: Substring, length: Int) -> (bytes: [UInt8], isLower: Bool)? {
        guard text.utf8.count <= length, text.utf8.allSatisfy({ isAllowed(upperCase($0)) }) else { return nil }
        let upper = text.utf8.map(upperCase)
        let isLower = text.utf8.contains { $0 != upperCase($0) }
        guard !isLower || !text.utf8.contains(where: { (0x41...0x5A).contains($0) }) else { return nil }
        return (upper + [UInt8](repeating: space, count: length - upper.count), isLower)
    }

    /// The alias number `number` of a long name: what can be kept of it, with the number behind a tilde.
    init(aliasOf name: String, number: Int) {
        let trimmed = name.drop { $0 == "." }
        let dot = trimmed.lastIndex(of: ".")
        let base = Self.reduced(trimmed[..<(dot ?? trimmed.endIndex)])
        let suffix = Self.reduced(dot.map { trimmed[trimmed.index(after: $0)...] } ?? "").prefix(3)
        let tail = Array("~\(number)".utf8)
        let kept = Array(base.prefix(8 - tail.count)) + tail
        self.init(stored: Self.padded(kept, 8) + Self.padded(Array(suffix), 3), caseBits: 0)
    }

    /// The highest number that an alias can have.
    static let maximumAliasNumber = 999_999

    private static func reduced(_ text: Substring) -> [UInt8] {
        text.unicodeScalars.filter { $0 != " " && $0 != "." }.map { scalar in
            guard scalar.isASCII, isAllowed(upperCase(UInt8(scalar.value))) else { return 0x5F }
            return upperCase(UInt8(scalar.value))
        }
    }

    private static func padded(_ bytes: [UInt8], _ count: Int) -> [UInt8] {
        bytes + [UInt8](repeating: space, count: count - bytes.count)
    }

    private static func upperCase(_ byte: UInt8) -> UInt8 { (0x61...0x7A).contains(byte) ? byte - 0x20 : byte }

    /// Characters of ASCII that a short name may have.
    private static func isAllowed(_ byte: UInt8) -> Bool {
        (0x41...0x5A).contains(byte) || (0x30...0x39).contains(byte) || "!#$%&'()-@^_`{}~".utf8.contains(byte)
    }

    /// The name as it is shown; nil if it is none that a file can have.
    var text: String? {
        var bytes = stored
        if bytes[0] == Self.escaped { bytes[0] = ShortEntry.deleted }
        let base = Self.text(bytes[..<8], isLower: caseBits & Self.lowerCaseBase != 0)
        let suffix = Self.text(bytes[8...], isLower: caseBits & Self.lowerCaseExtension != 0)
        let name = suffix.isEmpty ? base : base + "." + suffix
        return ["", ".", ".."].contains(name) ? nil : name
    }

    private static func text(_ bytes: ArraySlice<UInt8>, isLower: Bool) -> String {
        let end = bytes.lastIndex { $0 != space }.map { $0 + 1 } ?? bytes.startIndex
        var text = String.UnicodeScalarView()
        for byte in bytes[..<end] {
            // No name that is shown has these, whatever the disk says.
            let scalar = byte == 0 || byte == 0x2F ? "_" : CodePage437.scalar(byte)
            text.append(isLower ? scalar.lowerCased : scalar)
        }
        return String(text)
    }

    /// The checksum by which parts of a long name say that they belong to this one.
    var checksum: UInt8 {
        stored.reduce(0) { sum, byte in (sum << 7 | sum >> 1) &+ byte }
    }
}
