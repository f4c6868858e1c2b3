import ByteLayout
import GuestDisk

/// A name and what it stands for: an entry of a directory, or an extended attribute.
struct NamedItem {
    /// The key of the inode, or of the root of a subvolume; of no interest for an attribute.
    var location: BtrfsKey
    var name: [UInt8]
    /// The value of an attribute.
    var value: [UInt8]

    private static let headerLength = 30

    /// All that are in an item: names with the same hash share one.
    static func list(_ bytes: [UInt8]) throws(GuestError) -> [NamedItem] {
        var items: [NamedItem] = []
        var position = 0
        while position < bytes.count {
            let start = position + headerLength
            guard start <= bytes.count else { throw damaged }
            let nameEnd = start + Int(bytes.littleEndian(UInt16.self, at: position + 27))
            let end = nameEnd + Int(bytes.littleEndian(UInt16.self, at: position + 25))
            guard end <= bytes.count else { throw damaged }
            items.append(
                NamedItem(
                    location: BtrfsKey(bytes, at: position), name: Array(bytes[start..<nameEnd]),
                    value: Array(bytes[nameEnd..<end])))
            position = end
        }
        return items
    }

    /// Whether a file can be called so.
    var isName: Bool {
        !name.isEmpty && !name.contains(0) && !name.contains(0x2F) && name != [0x2E] && name != [0x2E, 0x2E]
    }

    /// The offset of the key under which a name is kept: its CRC-32C from another start than usual, and not inverted.
    static func hash(_ name: [UInt8]) -> UInt64 {
        var checksum = CRC32C(state: ~1)
        checksum.update(name)
        return UInt64(~checksum.value)
    }

    private static var damaged: GuestError { GuestError(.damaged, "a name in a btrfs tree is damaged") }
}
