import ByteLayout
import GuestDisk

/// A directory that fits its inode.
/// ```
///   count 1 │ how many need 8 bytes 1 │ parent 4 or 8 │ entries: length 1, tag 2, name, (type 1), inode 4 or 8
/// ```
struct ShortFormDirectory {
    /// Without `.` and `..`, which are not stored.
    let entries: [DirectoryEntry]

    init(_ bytes: [UInt8], hasFileTypes: Bool, inode: UInt64) throws(GuestError) {
        let damaged = GuestError(.damaged, "the directory in XFS inode \(inode) is damaged")
        guard bytes.count >= 6 else { throw damaged }
        // All numbers are as wide as the widest needs.
        let width = bytes[1] == 0 ? 4 : 8
        var position = 2 + width
        var entries: [DirectoryEntry] = []
        for _ in 0..<bytes[0] {
            guard position < bytes.count else { throw damaged }
            let name = position + 3
            let number = name + Int(bytes[position]) + (hasFileTypes ? 1 : 0)
            guard bytes[position] > 0, number + width <= bytes.count else { throw damaged }
            entries.append(
                DirectoryEntry(
                    name: Array(bytes[name..<name + Int(bytes[position])]),
                    inode: width == 4
                        ? UInt64(bytes.bigEndian(UInt32.self, at: number)) : bytes.bigEndian(UInt64.self, at: number)))
            position = number + width
        }
        self.entries = entries
    }
}
