import ByteLayout

/// Writes VHDXs straight from Microsoft's specification: what qemu-img can't write, such as snapshots and sectors of 4 KiB.
/// The log is at 1 MiB, the metadata at 2 MiB, the block table at 3 MiB; blocks follow, the last of the disk first.
package struct VHDXBuilder {
    /// Bytes of the disk.
    package var size: Int
    package var blockSize = 1 << 20
    package var logicalSectorSize = 512
    package var isFixed = false
    package var dataWriteGUID = [UInt8](repeating: 0xD1, count: 16)
    /// What marks the entries of the log; nil if it is empty.
    package var logGUID: [UInt8]?
    /// Keys and values of the parent's location.
    package var parent: [(key: String, value: String)]?
    /// By number. Others are not present.
    package var blocks: [Int: Block] = [:]

    package struct Block {
        /// Its state in the block table.
        package var state: UInt64
        /// What is stored, at most a block.
        package var data: [UInt8]
        /// Whether a sector is present, where the state is 7.
        package var isPresent: (_ sector: Int) -> Bool

        package init(state: UInt64, data: [UInt8] = [], isPresent: @escaping (_ sector: Int) -> Bool = { _ in false }) {
            self.state = state
            self.data = data
            self.isPresent = isPresent
        }
    }

    package static let logStart = 1 << 20
    package static let metadataStart = 2 << 20
    package static let tableStart = 3 << 20
    package static let dataStart = 4 << 20
    package static let logLength = 1 << 20

    package init(size: Int) {
        self.size = size
    }

    /// A disk with the content `disk`: blocks of zeros are not present.
    package init(_ disk: [UInt8], blockSize: Int = 1 << 20) {
        self.init(size: disk.count)
        self.blockSize = blockSize
        for start in stride(from: 0, to: disk.count, by: blockSize) {
            let data = Array(disk[start..<min(start + blockSize, disk.count)])
            if !ZeroScan.isZero(data) { blocks[start / blockSize] = Block(state: 6, data: data) }
        }
    }

    /// A snapshot with those sectors of `disk` for which `isPresent` says so (in units of 512 bytes, whatever the disk's),
    /// with rubbish in the place of the others; blocks that have all or none are present or not.
    package init(
        _ disk: [UInt8], blockSize: Int = 1 << 20, logicalSectorSize: Int = 512,
        parent: [(key: String, value: String)], isPresent: @escaping (_ sector: Int) -> Bool
    ) {
        self.init(size: disk.count)
        self.blockSize = blockSize
        self.logicalSectorSize = logicalSectorSize
        self.parent = parent
        let rubbish = [UInt8](repeating: 0xE7, count: blockSize)
        for start in stride(from: 0, to: disk.count, by: blockSize) {
            let data = Array(disk[start..<min(start + blockSize, disk.count)])
            let first = start / 512
            let present = (0..<data.count / 512).filter { isPresent(first + $0) }
            if present.isEmpty { continue }
            let isWhole = present.count == data.count / 512
            let scale = logicalSectorSize / 512
            blocks[start / blockSize] = Block(
                state: isWhole ? 6 : 7, data: data.over(rubbish) { isPresent(first + $0) },
                isPresent: { $0 * scale < data.count / 512 && isPresent(first + $0 * scale) })
        }
    }

    // MARK: The file

    /// The file's bytes.
    package func image() -> [UInt8] {
        let pieces = self.pieces()
        var image = [UInt8](repeating: 0, count: pieces.map { $0.offset + $0.bytes.count }.max() ?? 0)
        for piece in pieces {
            image.replaceSubrange(piece.offset..<piece.offset + piece.bytes.count, with: piece.bytes)
        }
        return image
    }

    /// The parts of the file that are not zero, in any order; the last byte of the file is in one of them.
    package func pieces() -> [(offset: Int, bytes: [UInt8])] {
        var pieces: [(offset: Int, bytes: [UInt8])] = [
            (0, Array("vhdxfile".utf8) + "v2v-convert tests".utf16.flatMap { littleEndian($0) }),
            (64 << 10, header(sequence: 6)), (128 << 10, header(sequence: 7)),
            (192 << 10, regionTable), (256 << 10, regionTable), (Self.metadataStart, metadata),
        ]
        let ratio = (1 << 23) * logicalSectorSize / blockSize
        var table: [Int: UInt64] = [:]
        var end = Self.dataStart
        for (number, block) in blocks.sorted(by: { $0.key > $1.key }) {
            let index = number + number / ratio
            table[index] = block.state
            guard block.state >= 6 else { continue }
            table[index] = block.state | UInt64(end)
            pieces += [(end + blockSize - 1, [0]), (end, block.data)]
            end += blockSize
            guard block.state == 7 else { continue }
            let bitmapIndex = number / ratio * (ratio + 1) + ratio
            if table[bitmapIndex] == nil {
                table[bitmapIndex] = 6 | UInt64(end)
                end += 1 << 20
                pieces.append((end - 1, [0]))
            }
            let sectors = blockSize / logicalSectorSize
            var bits = [UInt8](repeating: 0, count: sectors / 8)
            for sector in 0..<sectors where block.isPresent(sector) { bits[sector / 8] |= 1 << UInt8(sector % 8) }
            pieces.append((Int((table[bitmapIndex] ?? 0) & ~7) + number % ratio * sectors / 8, bits))
        }
        for (index, entry) in table { pieces.append((Self.tableStart + index * 8, littleEndian(entry))) }
        return pieces + [(Self.dataStart - 1, [0])]
    }

    private func header(sequence: UInt64) -> [UInt8] {
        var header = Array("head".utf8) + littleEndian(UInt32(0)) + littleEndian(sequence)
        header += [UInt8](repeating: 0xF1, count: 16) + dataWriteGUID + (logGUID ?? [UInt8](repeating: 0, count: 16))
        header += littleEndian(UInt16(0)) + littleEndian(UInt16(1))
        header += littleEndian(UInt32(Self.logLength)) + littleEndian(UInt64(Self.logStart))
        return Self.checked(header, length: 4096)
    }

    private var regionTable: [UInt8] {
        var table = Array("regi".utf8) + littleEndian(UInt32(0)) + littleEndian(UInt32(2)) + littleEndian(UInt32(0))
        table += Self.guid("2DC27766-F623-4200-9D64-115E9BFD4A08")
        table += littleEndian(UInt64(Self.tableStart)) + littleEndian(UInt32(1 << 20)) + littleEndian(UInt32(1))
        table += Self.guid("8B7CA206-4790-4B9A-B8FE-575F050F886E")
        table += littleEndian(UInt64(Self.metadataStart)) + littleEndian(UInt32(1 << 20)) + littleEndian(UInt32(1))
        return Self.checked(table, length: 65536)
    }

    private var metadata: [UInt8] {
        let flags: UInt32 = (isFixed ? 1 : 0) | (parent == nil ? 0 : 2)
        // Identifier, content, and the flags "of the virtual disk" and "required".
        var items: [(guid: String, bytes: [UInt8], flags: UInt32)] = [
            ("CAA16737-FA36-4D43-B3B6-33F0AA44E76B", littleEndian(UInt32(blockSize)) + littleEndian(flags), 4),
            ("2FA54224-CD1B-4876-B211-5DBED83BF4B8", littleEndian(UInt64(size)), 6),
            ("BECA12AB-B2E6-4523-93EF-C309E000C746", [UInt8](repeating: 0x83, count: 16), 6),
            ("8141BF1D-A96F-4709-BA47-F233A8FAAB5F", littleEndian(UInt32(logicalSectorSize)), 6),
            ("CDA348C7-445D-4471-9CC9-E9885251C556", littleEndian(UInt32(4096)), 6),
        ]
        if let locator { items.append(("A8D35F2D-B30B-454D-ABF7-D3D84834AB0C", locator, 4)) }
        var table = Array("metadata".utf8) + littleEndian(UInt16(0)) + littleEndian(UInt16(items.count))
        table += [UInt8](repeating: 0, count: 20)
        var content: [UInt8] = []
        for item in items {
            table += Self.guid(item.guid) + littleEndian(UInt32(65536 + content.count))
            table += littleEndian(UInt32(item.bytes.count)) + littleEndian(item.flags) + littleEndian(UInt32(0))
            content += item.bytes
        }
        return table + [UInt8](repeating: 0, count: 65536 - table.count) + content
    }

    private var locator: [UInt8]? {
        guard let parent else { return nil }
        var header = Self.guid("B04AEFB7-D19E-4A81-B789-25B8E9445913") + littleEndian(UInt16(0))
        header += littleEndian(UInt16(parent.count))
        var texts: [UInt8] = []
        let start = 20 + parent.count * 12
        for (key, value) in parent {
            let keyBytes = key.utf16.flatMap { littleEndian($0) }
            let valueBytes = value.utf16.flatMap { littleEndian($0) }
            header += littleEndian(UInt32(start + texts.count))
            header += littleEndian(UInt32(start + texts.count + keyBytes.count))
            header += littleEndian(UInt16(keyBytes.count)) + littleEndian(UInt16(valueBytes.count))
            texts += keyBytes + valueBytes
        }
        return header + texts
    }

    /// `bytes` padded to `length`, with their CRC-32C at byte 4.
    package static func checked(_ bytes: [UInt8], length: Int) -> [UInt8] {
        var bytes = bytes + [UInt8](repeating: 0, count: length - bytes.count)
        bytes.replaceSubrange(4..<8, with: littleEndian(CRC32C.of(bytes)))
        return bytes
    }

    /// The 16 bytes that stand for an identifier: the first three parts are little-endian.
    package static func guid(_ text: String) -> [UInt8] {
        let parts = text.split(separator: "-").map { part in
            stride(from: 0, to: part.count, by: 2).map { index in
                UInt8(part.dropFirst(index).prefix(2), radix: 16) ?? 0
            }
        }
        return parts[0].reversed() + parts[1].reversed() + parts[2].reversed() + parts[3] + parts[4]
    }
}
