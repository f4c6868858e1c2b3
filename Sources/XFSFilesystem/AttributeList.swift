import ByteLayout
import GuestDisk

/// The extended attributes of a file, in any of their forms: in the inode, in a leaf, or in several under an index.
struct AttributeList {
    /// Bytes of all values of a file that are read: more than the kernel lists, which stops at 64 KiB of names.
    private static let maximumLength = 64 << 20

    private let map: ForkMap
    private let damaged: GuestError

    init(_ inode: Inode, _ volume: Volume) {
        map = ForkMap(volume: volume, inode: inode.number, fork: inode.attributes)
        damaged = GuestError(.damaged, "the extended attributes of XFS inode \(inode.number) are damaged")
    }

    /// All of them, ordered by name.
    func attributes() throws(GuestError) -> [ExtendedAttribute] {
        var found: [ExtendedAttribute] = []
        switch map.fork {
        case .none: break
        case .inline(let bytes): found = try shortForm(bytes)
        case .extents(let extents) where extents.isEmpty: break
        case .extents, .tree: found = try indexed()
        }
        return found.sorted(by: ExtendedAttribute.isBefore)
    }

    /// ```
    ///   bytes 2 │ count 1 │ unused 1 │ entries: length 1, length of the value 1, flags 1, name, value
    /// ```
    private func shortForm(_ bytes: [UInt8]) throws(GuestError) -> [ExtendedAttribute] {
        guard bytes.count >= 4 else { throw damaged }
        var found: [ExtendedAttribute] = []
        var position = 4
        for _ in 0..<bytes[2] {
            guard position + 3 <= bytes.count else { throw damaged }
            let value = position + 3 + Int(bytes[position])
            let end = value + Int(bytes[position + 1])
            guard end <= bytes.count else { throw damaged }
            let name = AttributeName(
                name: bytes[position + 3..<value], flags: AttributeName.Flags(rawValue: bytes[position + 2]))
            if name.isShown { found.append(name.attribute(value: Array(bytes[value..<end]))) }
            position = end
        }
        return found
    }

    private func indexed() throws(GuestError) -> [ExtendedAttribute] {
        var found: [ExtendedAttribute] = []
        var length = 0
        try IndexTree(map: map, root: 0, blocks: 1).forEachLeaf(from: 0) { block throws(GuestError) in
            let leaf = try AttributeLeaf(block, inode: map.inode)
            for index in 0..<block.count {
                let (name, place) = try leaf.entry(at: index)
                guard name.isShown else { continue }
                let value = try value(at: place, in: leaf)
                length += name.name.count + value.count
                guard length <= Self.maximumLength else {
                    throw GuestError(.unsupported, "the extended attributes of XFS inode \(map.inode) are too large")
                }
                found.append(name.attribute(value: value))
            }
            return true
        }
        return found
    }

    private func value(at place: AttributeLeaf.Place, in leaf: AttributeLeaf) throws(GuestError) -> [UInt8] {
        switch place {
        case .local(let value): return Array(value)
        case .remote(let first, let length):
            var value: [UInt8] = []
            var next = UInt64(first)
            while value.count < length {
                let (bytes, offset) = try map.read(at: next)
                value += try RemoteBlock(
                    bytes, at: offset, magic: RemoteBlock.valueMagic, position: value.count,
                    length: length - value.count, map
                ).content
                next += 1
            }
            return value
        }
    }
}
