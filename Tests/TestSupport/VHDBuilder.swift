import ByteLayout

/// Writes VHDs straight from Microsoft's specification: what qemu-img can't write, such as snapshots and short footers.
package struct VHDBuilder {
    package var blockSize = 2 << 20
    /// 512; very old programs wrote 511 bytes.
    package var footerLength = 512
    package var creator = "v2vt"
    package var identifier: [UInt8] = Array(1...16)
    /// Cylinders, heads, sectors per track.
    package var geometry: (UInt16, UInt8, UInt8) = (0xFFFF, 16, 255)
    /// What to find the parent by.
    package var parent: Parent?

    package struct Parent {
        package var identifier: [UInt8]
        /// The name in the header.
        package var name: String
        /// Code and text of each locator.
        package var locators: [(code: String, path: String)]

        package init(identifier: [UInt8], name: String, locators: [(code: String, path: String)]) {
            self.identifier = identifier
            self.name = name
            self.locators = locators
        }
    }

    package init() {}

    /// A fixed VHD of `disk`.
    package func fixed(_ disk: [UInt8]) -> [UInt8] { disk + footer(type: 2, size: disk.count, dataOffset: .max) }

    /// A dynamic VHD of `disk`, or a differencing one if there is a ``parent``. Blocks are stored from the last to the
    /// first. A differencing disk has the sectors for which `isPresent` says so, and rubbish in the place of the others.
    package func sparse(_ disk: [UInt8], isPresent: (_ sector: Int) -> Bool = { _ in true }) -> [UInt8] {
        let blocks = (disk.count + blockSize - 1) / blockSize
        var table = [UInt8](repeating: 0xFF, count: (blocks * 4 + 511) / 512 * 512)
        var front = dynamicHeader(blocks: blocks)
        var paths: [UInt8] = []
        for (index, locator) in (parent?.locators ?? []).enumerated() {
            let path = locator.path.utf16.flatMap { littleEndian($0) }
            let entry = 576 + index * 24
            front.replaceSubrange(entry..<entry + 4, with: Array(locator.code.utf8))
            front.storeBigEndian(UInt32(512), at: entry + 4)
            front.storeBigEndian(UInt32(path.count), at: entry + 8)
            front.storeBigEndian(UInt64(512 + 1024 + paths.count), at: entry + 16)
            paths += path + [UInt8](repeating: 0, count: 512 - path.count)
        }
        front.storeBigEndian(Self.checksum(front), at: 36)
        let footer = footer(type: parent == nil ? 3 : 4, size: disk.count, dataOffset: 512)
        front = footer + [UInt8](repeating: 0, count: 512 - footer.count) + front + paths
        front += [UInt8](repeating: 0, count: Self.tableOffset - front.count)
        var data: [UInt8] = []
        for block in (0..<blocks).reversed() {
            guard let stored = self.block(block, of: disk, isPresent: isPresent) else { continue }
            table.storeBigEndian(UInt32((front.count + table.count + data.count) / 512), at: block * 4)
            data += stored
        }
        return front + table + data + footer
    }

    /// Where the block table is: behind up to eight parents' names.
    private static let tableOffset = 512 + 1024 + 4096

    /// A block with its bitmap, nil if there is nothing in it.
    private func block(_ index: Int, of disk: [UInt8], isPresent: (Int) -> Bool) -> [UInt8]? {
        let first = index * blockSize / 512
        let count = min(blockSize, disk.count - index * blockSize) / 512
        let present = (0..<count).filter { parent == nil || isPresent(first + $0) }
        let isZero = parent == nil && disk[first * 512..<(first + count) * 512].allSatisfy { $0 == 0 }
        guard !present.isEmpty, !isZero else { return nil }
        var bitmap = [UInt8](repeating: 0, count: (blockSize / 512 + 4095) / 4096 * 512)
        var bytes = [UInt8](repeating: 0xE7, count: blockSize)
        for sector in present {
            bitmap[sector / 8] |= 0x80 >> UInt8(sector % 8)
            let start = (first + sector) * 512
            bytes.replaceSubrange(sector * 512..<sector * 512 + 512, with: disk[start..<start + 512])
        }
        return bitmap + bytes
    }

    private func dynamicHeader(blocks: Int) -> [UInt8] {
        var header = [UInt8](repeating: 0, count: 1024)
        header.replaceSubrange(0..<8, with: Array("cxsparse".utf8))
        header.storeBigEndian(UInt64.max, at: 8)
        header.storeBigEndian(UInt64(Self.tableOffset), at: 16)
        header.storeBigEndian(UInt32(0x10000), at: 24)
        header.storeBigEndian(UInt32(blocks), at: 28)
        header.storeBigEndian(UInt32(blockSize), at: 32)
        if let parent {
            header.replaceSubrange(40..<56, with: parent.identifier)
            let name = parent.name.utf16.flatMap { littleEndian($0.bigEndian) }
            header.replaceSubrange(64..<64 + name.count, with: name)
        }
        return header
    }

    /// A footer with a right checksum.
    package func footer(type: UInt32, size: Int, dataOffset: UInt64) -> [UInt8] {
        var footer = [UInt8](repeating: 0, count: 512)
        footer.replaceSubrange(0..<8, with: Array("conectix".utf8))
        footer.storeBigEndian(UInt32(2), at: 8)
        footer.storeBigEndian(UInt32(0x10000), at: 12)
        footer.storeBigEndian(dataOffset, at: 16)
        footer.replaceSubrange(28..<32, with: Array(creator.utf8))
        footer.storeBigEndian(UInt64(size), at: 40)
        footer.storeBigEndian(UInt64(size), at: 48)
        footer.storeBigEndian(geometry.0, at: 56)
        footer[58] = geometry.1
        footer[59] = geometry.2
        footer.storeBigEndian(type, at: 60)
        footer.replaceSubrange(68..<84, with: identifier)
        footer.storeBigEndian(Self.checksum(footer), at: 64)
        return Array(footer[..<footerLength])
    }

    /// Of a footer or dynamic header whose own field is zero.
    package static func checksum(_ bytes: [UInt8]) -> UInt32 { ~bytes.reduce(0) { $0 &+ UInt32($1) } }
}
