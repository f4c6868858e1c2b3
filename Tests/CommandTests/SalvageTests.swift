import ByteLayout
import Foundation
import TestSupport
import Testing

/// `--salvage`: what can't be read becomes zeros, is listed, and has its own exit status.
@Suite struct SalvageTests {
    let directory: TemporaryDirectory
    let content: [UInt8]

    init() throws {
        directory = try TemporaryDirectory()
        content = DamagedImage.content.bytes()
    }

    private struct Report: Decodable {
        struct Lost: Decodable, Equatable {
            var start: Int
            var length: Int
        }
        var lost: [Lost]
    }

    /// The image is refused; salvaged, it has zeros in `lost` and everything else as it was.
    private func salvage(_ image: String, lost: Range<Int>, options: [String] = []) throws {
        let out = directory.file("out.raw")
        let refusal = try Tool.run(Tool.converter, options + [image, out])
        #expect([10, 12].contains(refusal.status), "\(refusal.status) \(refusal.error)")
        let result = try Tool.run(Tool.converter, options + ["--salvage", "--json", image, out])
        #expect(result.status == 3, "\(result.status) \(result.error)")
        var expected = content
        expected.replaceSubrange(lost, with: [UInt8](repeating: 0, count: lost.count))
        #expect(try contents(of: out) == expected)
        let report = try JSONDecoder().decode(Report.self, from: Data(result.output.utf8))
        #expect(report.lost == [Report.Lost(start: lost.lowerBound, length: lost.count)])
        #expect(result.error.contains("lost: \(lost.count) bytes from byte \(lost.lowerBound)"))
    }

    private func make(_ format: String, _ options: String) throws -> String {
        let raw = try directory.write(content, to: "disk.raw")
        try QEMU.convert(raw, to: directory.file("image." + format), format: format, options: options)
        return directory.file("image." + format)
    }

    @Test func aFlatExtentThatIsCutShort() throws {
        let image = try make("vmdk", "subformat=monolithicFlat")
        truncate(directory.file("image-flat.vmdk"), 8_000_000)
        try salvage(image, lost: 8_000_000..<content.count)
    }

    @Test func anExtentThatIsMissing() throws {
        let half = content.count / 1024 * 512
        try directory.write(Array(content[..<half]), to: "a.bin")
        let text = """
            # Disk DescriptorFile
            version=1
            createType="custom"
            RW \(half / 512) FLAT "a.bin" 0
            RW \((content.count - half) / 512) FLAT "b.bin" 0

            """
        try salvage(try directory.write(Array(text.utf8), to: "image.vmdk"), lost: half..<content.count)
    }

    @Test func aGrainTableThatIsLost() throws {
        var damaged = try DamagedImage.vmdk()
        damaged.set(UInt32(1), at: 8)
        damaged.set(UInt32.max, at: damaged.directory)
        try salvage(try directory.write(damaged.bytes, to: "image.vmdk"), lost: 0..<content.count)
    }

    @Test func aGrainThatIsLost() throws {
        var damaged = try DamagedImage.vmdk()
        damaged.set(UInt32(1), at: 8)
        let grain = (damaged.usedTableEntry - damaged.firstTable) / 4
        damaged.set(UInt32.max, at: damaged.usedTableEntry)
        try salvage(
            try directory.write(damaged.bytes, to: "image.vmdk"), lost: grain * 65536..<(grain + 1) * 65536)
    }

    @Test func aCompressedGrainWithAFlippedBit() throws {
        var damaged = try DamagedImage.stream()
        let sector = Int(damaged.little64(at: damaged.streamGrain))
        damaged.bytes[damaged.streamGrain + 100] ^= 4
        try salvage(
            try directory.write(damaged.bytes, to: "image.vmdk"), lost: sector * 512..<sector * 512 + 65536)
    }

    @Test func aQCOW2ThatIsCutShort() throws {
        let image = try make("qcow2", "cluster_size=64k")
        // Clusters that follow each other on the disk do so in a file that was converted: what is cut off,
        // whole sectors, is the end of the last run.
        let map = try Tool.check("qemu-img", ["map", "--output=json", image])
        let size = try #require(fileSize(image))
        struct Run: Decodable {
            var start: Int
            var length: Int
            var data: Bool
            var offset: Int?
        }
        let runs = try JSONDecoder().decode([Run].self, from: Data(map.utf8)).filter { $0.data && $0.offset != nil }
        let last = try #require(runs.max { ($0.offset ?? 0) < ($1.offset ?? 0) })
        let cut = size - 99_840
        truncate(image, off_t(cut))
        let first = last.start + cut - (last.offset ?? 0)
        try salvage(image, lost: first..<last.start + last.length)
    }

    @Test func aSoundImageLosesNothing() throws {
        let image = try make("qcow2", "")
        let result = try Tool.run(Tool.converter, ["--salvage", image, directory.file("out.raw")])
        #expect(result.status == 0 && !result.error.contains("lost"))
        #expect(try contents(of: directory.file("out.raw")) == content)
    }

    /// A file on a filesystem that fails to read 12 KiB in the middle, as a dying disk does.
    @Test(
        .enabled(
            if: Capabilities.has("nbdfuse") && Capabilities.has("nbdkit") && Capabilities.isRoot,
            "needs nbdfuse, nbdkit and root"))
    func sectorsThatCannotBeRead() throws {
        let raw = try directory.write(content, to: "disk.raw")
        let bad = 4_194_304..<4_206_592
        let script = """
            if [ $4 -lt \(bad.upperBound) ] && [ $(($4 + $3)) -gt \(bad.lowerBound) ]; then echo EIO bad >&2; exit 1; fi
            dd if=\(raw) iflag=skip_bytes,count_bytes skip=$4 count=$3 status=none
            """
        try directory.write([], to: "mounted.raw")
        let image = directory.file("mounted.raw")
        let server = try Tool.start(
            "nbdfuse",
            [
                "-r", image, "--socket-activation", "nbdkit", "--exit-with-parent",
                "eval",
                "get_size=echo \(content.count)", "pread=\(script)",
            ])
        defer {
            _ = try? Tool.run("fusermount3", ["-u", image])
            // It would wait for nbdkit, which waits for it.
            server.signal(SIGKILL)
            _ = try? server.wait()
        }
        for _ in 0..<1200 where fileSize(image) != content.count { usleep(50000) }
        try salvage(image, lost: bad)
    }
}
