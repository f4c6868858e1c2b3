import ByteLayout

extension BtrfsNode {
    /// Bytes of a leaf that no item has.
    var freeBytes: Int {
        let end = count > 0 ? dataRange(count - 1).lowerBound : bytes.count
        return end - position(count)
    }

    /// A leaf with other data for an item, of any length that there is room for.
    func replacing(_ index: Int, with data: [UInt8]) -> [UInt8] {
        precondition(level == 0 && data.count - dataRange(index).count <= freeBytes, "there is room in the leaf")
        var leaf = Array(bytes[..<Self.headerLength])
        leaf += [UInt8](repeating: 0, count: bytes.count - leaf.count)
        var end = leaf.count
        for item in 0..<count {
            let content = item == index ? data : self.data(item)
            end -= content.count
            let place = position(item)
            leaf.replaceSubrange(place..<place + BtrfsKey.length, with: bytes[place..<place + BtrfsKey.length])
            leaf.storeLittleEndian(UInt32(end - Self.headerLength), at: place + BtrfsKey.length)
            leaf.storeLittleEndian(UInt32(content.count), at: place + BtrfsKey.length + 4)
            leaf.replaceSubrange(end..<end + content.count, with: content)
        }
        return leaf
    }
}
