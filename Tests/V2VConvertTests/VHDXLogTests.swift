import Foundation
import TestSupport
import Testing
import V2VConvert

/// VHDXs that were not closed: what their log says is read as if it had been done, and the file stays as it is. The judge
/// is qemu-img, which replays the log of a copy.
@Suite struct VHDXLogTests {
    let directory: TemporaryDirectory
    private static let guid = [UInt8](repeating: 0x10, count: 16)
    private static let disk = Array(VHDTests.disk[..<(3 << 20)])
    /// A file whose log is not empty, and which is right.
    private static let whole: [UInt8] = {
        var builder = VHDXBuilder(disk)
        builder.logGUID = guid
        return builder.image()
    }()
    private static let tableStart = VHDXBuilder.tableStart
    /// The first sector of the block table.
    private static let table = Array(whole[tableStart..<tableStart + 4096])
    private static let noTable = [UInt8](repeating: 0, count: 4096)

    init() throws {
        directory = try TemporaryDirectory()
    }

    private static func entry(_ sequence: UInt64, tail: Int = 0, _ changes: [VHDXLogEntry.Change]) -> VHDXLogEntry {
        VHDXLogEntry(sequence: sequence, tail: tail, guid: guid, fileSize: whole.count, changes: changes)
    }

    /// The file without its block table, and with `entries` one after the other from `position` of the log on.
    private static func dirty(at position: Int = 0, _ entries: [VHDXLogEntry]) -> [UInt8] {
        var image = whole
        image.replaceSubrange(tableStart..<tableStart + 4096, with: noTable)
        var position = position
        for entry in entries { position = entry.write(to: &image, at: position) }
        return image
    }

    private static let restore = VHDXLogEntry.Change.sector(offset: tableStart, table)
    private static let remove = VHDXLogEntry.Change.sector(offset: tableStart, noTable)

    /// Sequences whose replay gives the table back.
    static let sequences: [(String, @Sendable () -> [UInt8])] = [
        ("one entry", { dirty([entry(1, [restore])]) }),
        ("later changes win", { dirty([entry(5, [remove, restore])]) }),
        ("later entries win", { dirty([entry(5, [remove]), entry(6, [restore])]) }),
        (
            "zeros, then data",
            {
                dirty([
                    entry(1 << 32 - 1, [.zero(offset: tableStart, length: 65536)]), entry(1 << 32, [restore]),
                    entry(1 << 32 + 1, [.zero(offset: tableStart + 4096, length: 8192)]),
                ])
            }
        ),
        ("an entry without changes", { dirty([entry(5, []), entry(6, [restore]), entry(7, [])]) }),
        (
            "more descriptors than a sector has",
            {
                let zeros = (0..<300).map {
                    VHDXLogEntry.Change.zero(offset: tableStart + 4096 * ($0 % 250), length: 4096)
                }
                return dirty([entry(3, zeros + [restore])])
            }
        ),
        (
            "round the ring",
            {
                let position = VHDXBuilder.logLength - 12288
                return dirty(at: position, [entry(8, tail: position, [remove]), entry(9, tail: position, [restore])])
            }
        ),
        (
            "an entry round the ring",
            {
                let position = VHDXBuilder.logLength - 4096
                return dirty(at: position, [entry(8, tail: position, [restore])])
            }
        ),
        (
            "a torn entry at the end",
            {
                var image = dirty([entry(5, [restore]), entry(6, [remove])])
                image[VHDXBuilder.logStart + 8192 + 6000] ^= 1
                return image
            }
        ),
        (
            "an entry that is cut off",
            {
                var image = dirty([entry(5, [restore]), entry(6, [remove])])
                let cut = VHDXBuilder.logStart + 8192 + 4096
                image.replaceSubrange(cut..<cut + 4096, with: noTable)
                return image
            }
        ),
        (
            "entries of another log",
            {
                var other = entry(6, [remove])
                other.guid[3] = 0
                return dirty([entry(5, [restore]), other])
            }
        ),
        (
            "an older sequence behind",
            {
                var image = dirty([entry(50, [restore])])
                entry(12, tail: 65536, [remove]).write(to: &image, at: 65536)
                return image
            }
        ),
        (
            "an older sequence before",
            {
                var image = dirty([entry(12, [remove])])
                entry(50, tail: 65536, [restore]).write(to: &image, at: 65536)
                return image
            }
        ),
    ]

    @Test(arguments: sequences.indices)
    func theLogIsReplayed(index: Int) async throws {
        let image = Self.sequences[index].1()
        let name = Self.sequences[index].0
        let path = try directory.write(image, to: "dirty.vhdx")
        #expect(try await convert("dirty.vhdx") == Self.disk, "\(name)")
        // Nothing was written to the file.
        #expect(try contents(of: path) == image)
        #expect(try DiskImageSource(path: path).info().dirty == true)
        // QEMU refuses entries with a hundred descriptors.
        if !name.hasPrefix("more descriptors") { #expect(try qemuReads("dirty.vhdx") == Self.disk, "\(name)") }
    }

    /// QEMU does not look where the sequence begins, and replays what is already in place.
    @Test func entriesBeforeTheTailAreInPlace() async throws {
        // The table is right; the entry in front of the tail would remove it.
        var stale = Self.whole
        var position = Self.entry(5, [Self.remove]).write(to: &stale, at: 0)
        position = Self.entry(6, tail: position, []).write(to: &stale, at: position)
        try directory.write(stale, to: "dirty.vhdx")
        #expect(try await convert("dirty.vhdx") == Self.disk)
    }

    @Test func zerosRemoveBlocks() async throws {
        var image = Self.whole
        Self.entry(1, [.zero(offset: Self.tableStart, length: 1 << 20)]).write(to: &image, at: 0)
        try directory.write(image, to: "dirty.vhdx")
        #expect(try await convert("dirty.vhdx") == [UInt8](repeating: 0, count: Self.disk.count))
        #expect(try qemuReads("dirty.vhdx") == [UInt8](repeating: 0, count: Self.disk.count))
    }

    /// Tables of every kind may be in the log.
    @Test func regionTablesAndMetadataMayBeInTheLog() async throws {
        var image = Self.whole
        var changes: [VHDXLogEntry.Change] = []
        for position in [192 << 10, 256 << 10, 2 << 20, 2 << 20 + 65536] {
            changes.append(.sector(offset: position, Array(image[position..<position + 4096])))
            image.replaceSubrange(position..<position + 4096, with: Self.noTable)
        }
        Self.entry(1, changes).write(to: &image, at: 0)
        try directory.write(image, to: "dirty.vhdx")
        #expect(try await convert("dirty.vhdx") == Self.disk)
    }

    /// A block that was allocated, but for which the file had not grown yet. QEMU doesn't make it grow.
    @Test func theFileGrowsWithItsLog() async throws {
        var image = Self.whole
        var table = Self.table
        let block = UInt64(image.count)
        table.replaceSubrange(0..<8, with: littleEndian(block | 6))
        var entry = Self.entry(1, [.sector(offset: Self.tableStart, table)])
        entry.neededFileSize += 1 << 20
        entry.write(to: &image, at: 0)
        try directory.write(image, to: "dirty.vhdx")
        let expected = [UInt8](repeating: 0, count: 1 << 20) + Self.disk[(1 << 20)...]
        #expect(try await convert("dirty.vhdx") == expected)
    }

    /// QEMU's own entry, with the headers and the block table set back to a moment before it was done with them.
    @Test func anEntryOfQEMU() async throws {
        let image = directory.file("killed.vhdx")
        try Tool.check("qemu-img", ["create", "-q", "-f", "vhdx", "-o", "block_size=1M", image, "4M"])
        let before = try contents(of: image)
        try Tool.check("qemu-io", ["-f", "vhdx", "-c", "write -P 7 1048576 65536", image])
        var after = try contents(of: image)
        let marked = after[VHDXBuilder.logStart + 32..<VHDXBuilder.logStart + 48]
        for start in [64 << 10, 128 << 10] {
            var header = Array(after[start..<start + 4096])
            header.replaceSubrange(4..<8, with: [0, 0, 0, 0])
            header.replaceSubrange(48..<64, with: marked)
            after.replaceSubrange(start..<start + 4096, with: VHDXBuilder.checked(header, length: 4096))
        }
        // QEMU puts the block table in front of the metadata.
        let table = VHDXBuilder.metadataStart..<VHDXBuilder.metadataStart + 4096
        #expect(after[table] != before[table])
        after.replaceSubrange(table, with: before[table])
        try directory.write(after, to: "killed.vhdx")
        let disk = try await convert("killed.vhdx")
        #expect(disk[1_048_576..<1_114_112].allSatisfy { $0 == 7 })
        #expect(try qemuReads("killed.vhdx") == disk)
    }

    // MARK: What is refused

    static let refused: [(String, ImageError.Code, @Sendable () -> [UInt8])] = [
        ("no entry at all", .inputDamaged, { dirty([]) }),
        (
            "the only entry torn", .inputDamaged,
            {
                var image = dirty([entry(1, [restore])])
                image[VHDXBuilder.logStart + 5000] ^= 1
                return image
            }
        ),
        (
            "a tail that is not there", .inputDamaged,
            { dirty([entry(5, tail: 65536, [restore]), entry(6, tail: 65536, [])]) }
        ),
        (
            "a gap in the numbers", .inputDamaged,
            { dirty([entry(5, tail: 65536, [restore]), entry(7, tail: 0, [])]) }
        ),
        (
            "a file that was longer", .inputDamaged,
            {
                var longer = entry(1, [restore])
                longer.flushedFileSize += 1 << 20
                return dirty([longer])
            }
        ),
        (
            "a change of the headers", .inputDamaged,
            { dirty([entry(1, [restore, .zero(offset: 65536, length: 4096)])]) }
        ),
        (
            "a change of the log", .inputDamaged,
            { dirty([entry(1, [restore, .sector(offset: VHDXBuilder.logStart + 65536, table)])]) }
        ),
        (
            "a change of the disk's data", .inputDamaged,
            { dirty([entry(1, [restore, .sector(offset: VHDXBuilder.dataStart + 8192, table)])]) }
        ),
        (
            "zeros that end nowhere", .inputDamaged,
            { dirty([entry(1, [restore, .zero(offset: 4096 << 40, length: Int.max / 4096 * 4096)])]) }
        ),
        (
            "another version of the log", .inputUnsupported,
            {
                var image = dirty([entry(1, [restore])])
                for start in [64 << 10, 128 << 10] {
                    var header = Array(image[start..<start + 4096])
                    header[64] = 1
                    header.replaceSubrange(4..<8, with: [0, 0, 0, 0])
                    image.replaceSubrange(start..<start + 4096, with: VHDXBuilder.checked(header, length: 4096))
                }
                return image
            }
        ),
    ]

    @Test(arguments: refused.indices)
    func whatCannotBeReplayedIsRefused(index: Int) async throws {
        let (name, code, image) = Self.refused[index]
        try directory.write(image(), to: "dirty.vhdx")
        let error = await #expect(throws: ImageError.self, "\(name)") { try await convert("dirty.vhdx") }
        #expect(error?.code == code, "\(name)")
    }

    // MARK: Judging

    private func convert(_ name: String) async throws -> [UInt8] {
        var converter = Converter(
            source: DiskImageSource(path: directory.file(name)),
            target: DiskImageTarget(path: directory.file("out.raw")))
        converter.target.existing = .replace
        try await converter.convert()
        return try contents(of: directory.file("out.raw"))
    }

    /// The disk in a copy whose log QEMU has replayed.
    private func qemuReads(_ name: String) throws -> [UInt8] {
        let copy = directory.file("copy.vhdx")
        try Tool.check("cp", [directory.file(name), copy])
        try Tool.check("qemu-img", ["check", "-q", "-r", "all", "-f", "vhdx", copy])
        try Tool.check("qemu-img", ["convert", "-f", "vhdx", "-O", "raw", copy, directory.file("theirs.raw")])
        return try contents(of: directory.file("theirs.raw"))
    }
}
