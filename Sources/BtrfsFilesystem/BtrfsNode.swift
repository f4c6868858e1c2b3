import ByteLayout
import GuestDisk

/// A block of a tree: a leaf, with items, or a node above, with pointers to others.
/// ```
///   leaf   header │ key, place, length │ key, place, length │ …        … │ data │ data
///   node   header │ key, address, generation │ key, address, generation │ …
/// ```
struct BtrfsNode {
    let bytes: [UInt8]
    let count: Int
    let level: UInt8

    static let headerLength = 101
    private static let itemLength = 25
    private static let pointerLength = 33

    /// - Throws: `damaged` unless keys are in order, and data is packed at the end of a leaf in the reverse order.
    init(_ bytes: [UInt8]) throws(GuestError) {
        self.bytes = bytes
        level = bytes[100]
        let limit = (bytes.count - Self.headerLength) / (level == 0 ? Self.itemLength : Self.pointerLength)
        let stored = bytes.littleEndian(UInt32.self, at: 96)
        guard stored <= limit else { throw GuestError(.damaged, "a node of a btrfs tree has too many items") }
        count = Int(stored)
        var end = bytes.count
        for index in 0..<count {
            guard index == 0 || key(index - 1) < key(index), level > 0 || dataRange(index).upperBound == end else {
                throw GuestError(.damaged, "item \(index) of a node of a btrfs tree is damaged")
            }
            if level == 0 { end = dataRange(index).lowerBound }
        }
        guard end >= position(count) else {
            throw GuestError(.damaged, "the items of a node of a btrfs tree have more data than it has room for")
        }
    }

    var generation: UInt64 { bytes.littleEndian(UInt64.self, at: 80) }
    var address: UInt64 { bytes.littleEndian(UInt64.self, at: 48) }

    /// What leads to it.
    var pointer: BtrfsTree.Root { BtrfsTree.Root(address: address, level: level, generation: generation) }

    func key(_ index: Int) -> BtrfsKey { BtrfsKey(bytes, at: position(index)) }

    /// The first item whose key is not less than `key`; ``count`` if there is none.
    func firstIndex(notBefore key: BtrfsKey) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if self.key(middle) < key { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The last item whose key is not greater than `key`; nil if there is none.
    func lastIndex(notAfter key: BtrfsKey) -> Int? {
        let index = firstIndex(notBefore: key)
        if index < count, self.key(index) == key { return index }
        return index > 0 ? index - 1 : nil
    }

    /// What an item of a leaf has besides its key.
    func data(_ index: Int) -> [UInt8] { Array(bytes[dataRange(index)]) }

    /// Where data of an item of a leaf is in the node.
    func dataRange(_ index: Int) -> Range<Int> {
        let start = Self.headerLength + Int(bytes.littleEndian(UInt32.self, at: position(index) + BtrfsKey.length))
        return start..<start + Int(bytes.littleEndian(UInt32.self, at: position(index) + BtrfsKey.length + 4))
    }

    /// Where the pointer of a node leads.
    func child(_ index: Int) -> BtrfsTree.Root {
        let position = position(index) + BtrfsKey.length
        return BtrfsTree.Root(
            address: bytes.littleEndian(UInt64.self, at: position), level: level - 1,
            generation: bytes.littleEndian(UInt64.self, at: position + 8))
    }

    /// Where an item or pointer is in the node.
    func position(_ index: Int) -> Int {
        Self.headerLength + index * (level == 0 ? Self.itemLength : Self.pointerLength)
    }
}
