import Foundation
import Initramfs
import TestSupport
import Testing

/// Archives made by cpio and compressed by everyone's own tool.
struct ReadingTests {
    private let directory: TemporaryDirectory
    private let archive: [UInt8]

    init() throws {
        directory = try TemporaryDirectory()
        try directory.write(Array("hello".utf8), to: "tree/bin/sh", parents: true)
        try directory.write(
            (0..<300_000).map { UInt8(truncatingIfNeeded: $0 / 7) }, to: "tree/usr/lib/big", parents: true)
        try directory.write([], to: "tree/empty")
        let tree = directory.file("tree")
        try Tool.check("ln", [tree + "/bin/sh", tree + "/bin/ash"])
        try Tool.check("ln", ["-s", "usr/lib", tree + "/lib"])
        archive = try Archives.pack(tree)
    }

    @Test(arguments: ["newc", "crc"])
    func listsWhatCpioLists(format: String) throws {
        let archive = try Archives.pack(directory.file("tree"), format: format)
        let image = InitramfsImage(archive)
        #expect(image.problem == nil)
        let entries = try #require(image.segments.first).entries
        let listing = try Tool.check("sh", ["-c", "cpio --quiet -t <\(directory.file("tree")).cpio"])
        #expect(entries.map(\.name) == listing.split(separator: "\n").map(String.init))
        let link = try #require(entries.first { $0.name == "lib" })
        #expect(link.kind == .symbolicLink && link.linkTarget == "usr/lib")
        let shells = entries.filter { $0.name.hasSuffix("sh") }
        #expect(shells.count == 2 && shells[0].inode == shells[1].inode && shells[0].links == 2)
        #expect(entries.first { $0.name == "usr/lib/big" }?.size == 300_000)
        #expect(image.layout.resolve("lib/modules/1") == "usr/lib/modules/1")
    }

    @Test(arguments: [
        (ArchiveCompression.gzip, "gzip -9n"), (.zstd, "zstd -q -19"), (.zstd, "zstd -q --no-check -1"),
        (.xz, "xz --check=crc32"), (.xz, "xz --check=crc32 -T2 --block-size=65536"), (.lzma, "xz --format=lzma"),
        (.lz4, "lz4 -lq"),
        (.none, "cat"),
    ])
    func findsWhereArchivesBeginAndEnd(compression: ArchiveCompression, command: String) throws {
        try directory.write(Array("microcode".utf8), to: "early/kernel/x86/microcode/GenuineIntel.bin", parents: true)
        let early = try Archives.pack(directory.file("early"))
        let compressed = try Archives.pipe(archive, command)
        var file = early
        let offset = file.count
        file += compressed
        file += [UInt8](repeating: 0, count: (4 - file.count % 4) % 4 + 8)
        let last = file.count
        file += archive + [0, 0, 0]
        let image = InitramfsImage(file)
        #expect(image.problem == nil)
        // The padding at the end of what cpio writes, to 512 bytes, is no part of an archive that isn't compressed.
        #expect(image.segments.map(\.offset) == [0, offset, last])
        #expect(image.segments.map(\.compression) == [.none, compression, .none])
        #expect(image.segments.map(\.isEarly) == [true, false, false])
        if compression != .none { #expect(image.segments[1].length == compressed.count) }
        #expect(image.segments[1].entries == image.segments[2].entries)
        #expect(image.segments[2].entries.count == 9)
    }

    @Test(arguments: [(ArchiveCompression.bzip2, "bzip2"), (.lzo, "printf '\\211LZO\\0\\r\\n\\032\\n'")])
    func namesCompressionsThatAreNotRead(compression: ArchiveCompression, command: String) throws {
        let image = InitramfsImage(try Archives.pipe(archive, command))
        #expect(image.segments.map(\.compression) == [compression])
        #expect(image.problem?.code == .unsupported)
    }

    @Test func stopsWhereTheKernelStops() throws {
        let compressed = try Archives.pipe(archive, "gzip -n")
        let padding = [UInt8](repeating: 0, count: 4 - compressed.count % 4)
        #expect(InitramfsImage(compressed + Array("junk".utf8)).problem?.code == .damaged)
        #expect(InitramfsImage(compressed + padding + archive).problem == nil)
        // An archive that isn't aligned is ignored.
        let shifted = InitramfsImage(compressed + padding + [0] + archive)
        #expect(shifted.problem?.code == .damaged && shifted.segments.count == 1)
    }

    /// A compressor's stream may hold any number of archives, but no other compressor's.
    @Test func archivesWithinAStreamAreRead() throws {
        let both = InitramfsImage(try Archives.pipe(archive + archive, "zstd -q"))
        #expect(both.problem == nil && both.segments.first?.entries.count == 18)
        let nested = InitramfsImage(try Archives.pipe(try Archives.pipe(archive, "gzip -n"), "zstd -q"))
        #expect(nested.problem?.code == .damaged)
    }

    @Test(arguments: ["cat", "gzip -n", "zstd -q", "xz --check=crc32", "xz --format=lzma", "lz4 -lq"])
    func damagedFilesAreSurvived(command: String) throws {
        let file = try Archives.pipe(archive, command)
        for length in stride(from: 1, to: file.count, by: max(1, file.count / 40)) {
            let image = InitramfsImage(Array(file[..<length]))
            if command != "cat", command != "lz4 -lq" { #expect(image.problem != nil, "\(length) bytes of \(command)") }
        }
        var random = SystemRandomNumberGenerator()
        for _ in 0..<40 {
            var damaged = file
            damaged[Int.random(in: 0..<file.count, using: &random)] ^= UInt8.random(in: 1...255, using: &random)
            _ = InitramfsImage(damaged)
        }
    }

    @Test func bombsAreNotInflated() throws {
        var limits = InitramfsLimits()
        limits.inflated = 1 << 20
        let bomb = try Tool.check("sh", ["-c", "head -c 50M /dev/zero | zstd -q -1 >\(directory.file("bomb"))"])
        #expect(bomb.isEmpty)
        let image = InitramfsImage(try contents(of: directory.file("bomb")), limits: limits)
        #expect(image.problem != nil)
        limits = InitramfsLimits()
        limits.listing = 500
        #expect(InitramfsImage(archive, limits: limits).problem != nil)
        // Many tiny archives.
        let magics = (0..<200_000).flatMap { _ in [0x02, 0x21, 0x4C, 0x18] as [UInt8] }
        #expect(InitramfsImage(magics).problem != nil)
    }

    @Test func linksInCirclesLeadNowhere() throws {
        try Tool.check("sh", ["-c", "cd \(directory.file("tree")) && ln -s b a && ln -s a b"])
        let image = InitramfsImage(try Archives.pack(directory.file("tree")))
        #expect(image.layout.resolve("a/x") == nil)
        #expect(image.layout.resolve("bin/../lib/./big") == "usr/lib/big")
    }
}
