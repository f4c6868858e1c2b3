import ByteLayout

/// The 512 bytes in front of each member of a tar archive. All fields are text unless said otherwise:
/// ```
///  0 name[100] │ 100 mode, owner, group │ 124 size[12] │ 136 time │ 148 checksum[8] │ 156 type │ 157 link target[100]
///  257 magic "ustar" │ 263 version, names of owner and group, device numbers │ 345 prefix[155]
/// ```
/// The oldest form, of Unix version 7, has zeros for the magic, and only its checksum tells what it is.
///
/// Source of the facts: POSIX.1-2017 (pax), GNU tar's manual on its own extensions.
struct TarHeader {
    static let length = 512
    static let magic = Array("ustar".utf8)
    static let magicOffset = 257

    /// What can be said against a header.
    struct Invalid: Error {
        var message: String
    }

    /// The member's name, as far as the header has room for it.
    var name: String
    /// Bytes of data that follow.
    var size: UInt64
    var type: UInt8

    /// Whether it is a file with content, not a directory, a link, or a record about the next member.
    var isFile: Bool { [0, UInt8(ascii: "0"), UInt8(ascii: "7")].contains(type) }

    /// Whether `prefix` begins with the header of a tar archive, as far as its marks tell.
    static func isRecognisable(_ prefix: [UInt8]) -> Bool {
        if prefix.dropFirst(magicOffset).starts(with: magic) { return true }
        return prefix.count >= length && prefix[0] != 0 && (try? TarHeader(parsing: Array(prefix[..<length]))) != nil
    }

    init(parsing bytes: [UInt8]) throws(Invalid) {
        let hasMagic = bytes[Self.magicOffset...].starts(with: Self.magic)
        // GNU tar leaves only the magic and the version out.
        guard hasMagic || bytes[Self.magicOffset..<Self.magicOffset + 8].allSatisfy({ $0 == 0 }) else {
            throw Invalid(message: "there is no tar header")
        }
        guard let stored = Self.number(bytes[148..<156]), stored == Self.checksum(bytes) else {
            throw Invalid(message: "the checksum of the tar header is wrong")
        }
        type = bytes[156]
        guard let size = Self.number(bytes[124..<136]), size <= UInt64(Int64.max) else {
            throw Invalid(message: "the size in the tar header is no number")
        }
        // Links, devices, directories and FIFOs have no data, whatever their size says.
        self.size = (UInt8(ascii: "1")...UInt8(ascii: "6")).contains(type) ? 0 : size
        name = Self.text(bytes[..<100])
        // GNU's own headers, which have blanks behind the magic, keep times where POSIX has the prefix.
        let isPOSIX = hasMagic && bytes[Self.magicOffset + Self.magic.count] == 0
        let prefix = isPOSIX ? Self.text(bytes[345..<500]) : ""
        if !prefix.isEmpty { name = prefix + "/" + name }
    }

    /// The sum of the bytes, with blanks for the checksum itself.
    private static func checksum(_ bytes: [UInt8]) -> UInt64 {
        let blanks: UInt64 = 8 * 0x20
        return bytes[..<148].reduce(blanks) { $0 + UInt64($1) } + bytes[156...].reduce(0) { $0 + UInt64($1) }
    }

    /// Octal digits that a blank or NUL ends, or, if the first bit is set, a big-endian number (GNU: base 256).
    private static func number(_ field: ArraySlice<UInt8>) -> UInt64? {
        guard let first = field.first else { return nil }
        guard first & 0x80 == 0 else {
            var value = UInt64(first & 0x7F)
            for byte in field.dropFirst() {
                guard value < 1 << 56 else { return nil }
                value = value << 8 | UInt64(byte)
            }
            return value
        }
        let digits = field.drop { $0 == 0x20 }.prefix { $0 != 0x20 && $0 != 0 }
        return digits.isEmpty ? 0 : UInt64(String(decoding: digits, as: UTF8.self), radix: 8)
    }

    /// The field up to the first NUL.
    private static func text(_ field: ArraySlice<UInt8>) -> String { String(lenient: field.prefix { $0 != 0 }) }
}
