import ByteLayout
import CZlib
import TestSupport
import Testing
import V2VConvert

/// Our streams, taken apart record by record, as a reader of a pipe does it and as VMware's products want it: by the
/// format's facts alone.
@Suite struct StreamOptimizedTests {
    /// More than two grain tables (32 MiB each), of which the second has no grain; an odd end.
    private static let size = (96 << 20) + 3 * 512

    private static func content() -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: size)
        let mixed = DiskContent.mixed.bytes()
        bytes.replaceSubrange(0..<mixed.count, with: mixed)
        bytes.replaceSubrange((64 << 20) + 512..<(64 << 20) + 512 + mixed.count, with: mixed)
        bytes[size - 1] = 7
        return bytes
    }

    @Test func hasVMwaresOrder() async throws {
        let directory = try TemporaryDirectory()
        let disk = Self.content()
        let raw = try directory.write(disk, to: "raw")
        var options = VMDKOptions()
        options.subformat = .streamOptimized
        let path = directory.file("disk.vmdk")
        try await Converter(
            source: DiskImageSource(path: raw), target: DiskImageTarget(path: path, format: .vmdk(options))
        ).convert()
        let file = try contents(of: path)
        try #require(file.count % 512 == 0)

        let capacity = UInt64(Self.size / 512)
        checkHeader(file, at: 0, capacity: capacity, directory: .max)
        try checkDescriptor(Array(file[512..<21 * 512]), capacity: capacity)
        #expect(file[21 * 512..<128 * 512].allSatisfy { $0 == 0 })

        var parser = StreamParser(file: file, capacity: capacity)
        try parser.run()
        var restored = parser.disk
        restored.removeLast(restored.count - disk.count)
        #expect(restored == disk)
        // Two ranges have grains, and so has the odd end; the range between has neither grains nor a table.
        #expect(parser.tables.keys.sorted() == [0, 2, 3])
        checkHeader(file, at: file.count - 1024, capacity: capacity, directory: parser.directorySector)
        let first = Int(parser.directorySector) * 512
        let entries = (0..<4).map { UInt64(file.littleEndian(UInt32.self, at: first + $0 * 4)) }
        #expect(entries == (0..<4).map { parser.tables[$0] ?? 0 })
    }

    /// Where `header` has the size of the descriptor: 20 sectors, of which a part is free for lines that VirtualBox adds.
    private func checkHeader(_ file: [UInt8], at offset: Int, capacity: UInt64, directory: UInt64) {
        func number(_ place: Int) -> UInt64 { file.littleEndian(UInt64.self, at: offset + place) }
        #expect(Array(file[offset..<offset + 4]) == Array("KDMV".utf8))
        #expect(file.littleEndian(UInt32.self, at: offset + 4) == 3)
        #expect(file.littleEndian(UInt32.self, at: offset + 8) == 0x30001)
        #expect(number(12) == capacity && number(20) == 128 && number(28) == 1 && number(36) == 20)
        #expect(file.littleEndian(UInt32.self, at: offset + 44) == 512)
        #expect(number(48) == 0 && number(56) == directory && number(64) == 128)
        #expect(Array(file[offset + 72..<offset + 79]) == [0, 0x0A, 0x20, 0x0D, 0x0A, 1, 0])
        #expect(file[offset + 79..<offset + 512].allSatisfy { $0 == 0 })
    }

    private func checkDescriptor(_ bytes: [UInt8], capacity: UInt64) throws {
        let text = String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        #expect(text.utf8.count < bytes.count - 2048, "there is no room for more lines")
        let lines = text.split(separator: "\n").map(String.init)
        #expect(Array(lines[..<2]) == ["# Disk DescriptorFile", "version=1"])
        #expect(lines.contains("createType=\"streamOptimized\"") && lines.contains("parentCID=ffffffff"))
        #expect(lines.contains("RDONLY \(capacity) SPARSE \"disk.vmdk\""))
        #expect(lines.contains("ddb.adapterType = \"lsilogic\""))
        #expect(lines.contains("ddb.geometry.cylinders = \"\(capacity / (255 * 63))\""))
        #expect(lines.contains("ddb.geometry.heads = \"255\"") && lines.contains("ddb.geometry.sectors = \"63\""))
        let identifier = try #require(lines.first { $0.hasPrefix("CID=") }).dropFirst(4)
        let long = try #require(lines.first { $0.hasPrefix("ddb.longContentID") })
        #expect(identifier.count == 8 && identifier < "fffffffe")
        #expect(long.hasSuffix(identifier + "\"") && long.split(separator: "\"")[1].count == 32)
    }
}

/// Reads a stream from its first grain to its end marker and keeps the books.
private struct StreamParser {
    let file: [UInt8]
    let capacity: UInt64
    var disk: [UInt8]
    /// Sectors of the grain tables by their numbers.
    var tables: [Int: UInt64] = [:]
    var directorySector: UInt64 = 0
    /// Where the grains of the current table are.
    private var grains: [Int: UInt32] = [:]
    private var lastGrain = -1

    init(file: [UInt8], capacity: UInt64) {
        self.file = file
        self.capacity = capacity
        disk = [UInt8](repeating: 0, count: Int((capacity + 127) / 128) * 65536)
    }

    mutating func run() throws {
        var position = 128 * 512
        var kinds: [UInt32] = []
        while true {
            let value = file.littleEndian(UInt64.self, at: position)
            let size = Int(file.littleEndian(UInt32.self, at: position + 8))
            if size > 0 {
                try #require(kinds.allSatisfy { $0 == 1 }, "a grain follows the grain directory")
                position = try grain(sector: value, size: size, at: position)
                continue
            }
            let kind = file.littleEndian(UInt32.self, at: position + 12)
            #expect(file[position + 16..<position + 512].allSatisfy { $0 == 0 })
            kinds.append(kind)
            position += 512
            switch kind {
            case 0:
                #expect(value == 0 && position == file.count)
                #expect(kinds.suffix(3) == [2, 3, 0])
                return
            case 1: try table(at: position, sectors: value)
            case 2: directorySector = UInt64(position / 512)
            case 3: #expect(value == 1)
            default: Issue.record("marker of type \(kind)")
            }
            position += Int(value) * 512
        }
    }

    private mutating func grain(sector: UInt64, size: Int, at position: Int) throws -> Int {
        try #require(sector % 128 == 0 && sector < capacity)
        let number = Int(sector / 128)
        try #require(number > lastGrain, "grains do not rise")
        // Its table must have come before the grains of the next.
        try #require(grains.isEmpty || number / 512 == lastGrain / 512)
        lastGrain = number
        grains[number % 512] = UInt32(position / 512)
        var length = uLong(65536)
        let stream = Array(file[position + 12..<position + 12 + size])
        var content = [UInt8](repeating: 0, count: 65536)
        try #require(uncompress(&content, &length, stream, uLong(size)) == Z_OK && length == 65536)
        disk.replaceSubrange(number * 65536..<(number + 1) * 65536, with: content)
        let end = (position + 12 + size + 511) / 512 * 512
        #expect(file[position + 12 + size..<end].allSatisfy { $0 == 0 })
        return end
    }

    private mutating func table(at position: Int, sectors: UInt64) throws {
        try #require(sectors == 4 && !grains.isEmpty)
        let entries = (0..<512).map { file.littleEndian(UInt32.self, at: position + $0 * 4) }
        #expect(entries == (0..<512).map { grains[$0] ?? 0 })
        tables[lastGrain / 512] = UInt64(position / 512)
        grains = [:]
    }
}
