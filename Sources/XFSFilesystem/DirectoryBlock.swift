import ByteLayout
import GuestDisk

/// A block of a directory that has entries.
/// ```
///   header │ entries and gaps │ (if it is the only one: index, and its count 4, stale 4)
///   entry: inode 8 │ length 1 │ name │ (type 1) │ up to a multiple of 8 │ tag 2
///   gap:   FFFF 2 │ length 2 │ … │ tag 2
/// ```
struct DirectoryBlock {
    private static let gap: UInt16 = 0xFFFF

    /// Where it is on the device.
    let offset: UInt64
    private let bytes: [UInt8]
    private let inode: UInt64
    private let hasFileTypes: Bool
    /// Where entries are.
    private let content: Range<Int>

    /// The block that begins at block `first` of the file.
    init(_ map: ForkMap, at first: UInt64) throws(GuestError) {
        let geometry = map.volume.geometry
        let isChecksummed = map.volume.hasChecksums
        let (bytes, offset) = try map.read(at: first, count: geometry.directoryBlockSize / geometry.blockSize)
        let start = isChecksummed ? 64 : 16
        switch (bytes.bigEndian(UInt32.self, at: 0), isChecksummed) {
        case (0x5844_3244, false), (0x5844_4433, true):  // XD2D, XDD3: one of several
            content = start..<bytes.count
        case (0x5844_3242, false), (0x5844_4233, true):  // XD2B, XDB3: the only one
            let count = UInt64(bytes.bigEndian(UInt32.self, at: bytes.count - 8))
            guard count * 8 <= UInt64(bytes.count - 8 - start) else {
                throw Self.damaged(map.inode)
            }
            content = start..<bytes.count - 8 - Int(count) * 8
        default:
            throw GuestError(.damaged, "the XFS block at byte \(offset) should be of the directory \(map.inode)")
        }
        try map.volume.verify(bytes, at: offset, .directoryData, inode: map.inode)
        self.bytes = bytes
        self.offset = offset
        inode = map.inode
        hasFileTypes = map.volume.superblock.features.hasFileTypes
    }

    /// Calls `body` with each entry until it returns false, and returns false then.
    func forEachEntry(_ body: (DirectoryEntry) throws(GuestError) -> Bool) throws(GuestError) -> Bool {
        var position = content.lowerBound
        while position < content.upperBound {
            guard position + 8 <= content.upperBound else { throw Self.damaged(inode) }
            if bytes.bigEndian(UInt16.self, at: position) == Self.gap {
                let length = Int(bytes.bigEndian(UInt16.self, at: position + 2))
                guard length >= 8, length % 8 == 0 else { throw Self.damaged(inode) }
                position += length
            } else {
                let (entry, end) = try entry(at: position)
                guard try body(entry) else { return false }
                position = end
            }
        }
        return true
    }

    /// The entry at byte `position` of the block, and where the next begins.
    func entry(at position: Int) throws(GuestError) -> (entry: DirectoryEntry, end: Int) {
        guard content.contains(position), position + 9 <= content.upperBound else { throw Self.damaged(inode) }
        let length = Int(bytes[position + 8])
        let end = (position + 9 + length + (hasFileTypes ? 1 : 0) + 2).alignedUp(to: 8)
        guard length > 0, end <= content.upperBound else { throw Self.damaged(inode) }
        let name = Array(bytes[position + 9..<position + 9 + length])
        return (DirectoryEntry(name: name, inode: bytes.bigEndian(UInt64.self, at: position)), end)
    }

    private static func damaged(_ inode: UInt64) -> GuestError {
        GuestError(.damaged, "a block of the directory in XFS inode \(inode) is damaged")
    }
}
