/// The header of a member, read.
struct CPIOHeader: Equatable {
    /// The name is still empty.
    var entry: CPIOEntry
    /// `c_namesize`: with the zero at its end.
    var nameLength: Int

    /// - Parameter bytes: ``CPIO/headerLength`` many.
    init(_ bytes: [UInt8]) throws(ArchiveProblem) {
        guard CPIO.magics.contains(Array(bytes[..<6])) else {
            throw ArchiveProblem("there is no cpio header")
        }
        func field(_ index: Int) throws(ArchiveProblem) -> UInt32 {
            var value: UInt32 = 0
            for byte in bytes[(6 + 8 * index)..<(14 + 8 * index)] {
                guard let digit = Self.digit(byte) else {
                    throw ArchiveProblem("a field of the cpio header is no number")
                }
                value = value << 4 | digit
            }
            return value
        }
        nameLength = Int(try field(11))
        guard (1...CPIO.maximumPath).contains(nameLength) else {
            throw ArchiveProblem("a name has \(nameLength) bytes")
        }
        entry = CPIOEntry(
            name: "", mode: try field(1), size: try field(6),
            inode: CPIOEntry.Inode(number: try field(0), major: try field(7), minor: try field(8)),
            links: try field(4))
        guard entry.kind != .symbolicLink || entry.size <= CPIO.maximumPath else {
            throw ArchiveProblem("a symbolic link has \(entry.size) bytes")
        }
    }

    private static func digit(_ byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }
}
