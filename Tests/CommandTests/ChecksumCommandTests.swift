import Foundation
import TestSupport
import Testing

/// The digest depends on the bytes of the disk, and on nothing else.
@Suite struct ChecksumCommandTests {
    let directory: TemporaryDirectory
    let content = DiskContent.mixed.bytes()
    let raw: String

    init() throws {
        directory = try TemporaryDirectory()
        raw = try directory.write(content, to: "disk.raw")
    }

    @Test(arguments: [
        ("raw", "", false), ("vmdk", "", false), ("vmdk", "subformat=monolithicFlat", false),
        ("vmdk", "subformat=streamOptimized", false), ("vdi", "", false), ("vpc", "force_size=on", false),
        ("vpc", "subformat=fixed,force_size=on", false), ("vhdx", "", false), ("qcow2", "cluster_size=4k", false),
        ("qcow2", "", true), ("qcow2", "compression_type=zstd,cluster_size=2M", true),
    ])
    func theFormatDoesNotMatter(format: String, options: String, compress: Bool) throws {
        let image = directory.file("image." + format)
        try QEMU.convert(raw, to: image, format: format, options: options, compress: compress)
        #expect(try digest(image) == reference(raw))
        guard format != "vdi" else { return }
        let ours = directory.file("ours." + format)
        try Tool.check(
            Tool.converter,
            ["-q", "-O", format] + (compress ? ["-c"] : []) + (options.isEmpty ? [] : ["-o", options]) + [raw, ours])
        #expect(try digest(ours) == reference(raw))
    }

    @Test(arguments: [0, 1, 511, 65536, 65537, 2 << 20, (2 << 20) + 1, 5 << 20])
    func theProgramInTheDocumentationAgrees(size: Int) throws {
        for fill: UInt8 in [0, 7] {
            let disk = try directory.write([UInt8](repeating: fill, count: size), to: "\(size)-\(fill)")
            #expect(try digest(disk, ["-f", "raw"]) == reference(disk))
        }
    }

    @Test func everyByteMatters() throws {
        var digests: Set<String> = [try digest(raw)]
        // The ends, the middle, a hole.
        let positions = [0, content.count - 1, 5_000_000, 3 << 20]
        for position in positions {
            var bytes = content
            bytes[position] ^= 0x10
            digests.insert(try digest(try directory.write(bytes, to: "changed.raw")))
        }
        // The same bytes elsewhere.
        digests.insert(try digest(try directory.write([0] + content, to: "moved.raw")))
        #expect(digests.count == positions.count + 2)
    }

    @Test func zerosAtTheEndDoNotMatter() throws {
        let before = try digest(raw)
        for size in [content.count + 1, content.count + (65 << 10), 1 << 40] {
            try Tool.check("truncate", ["-s", "\(size)", raw])
            #expect(try digest(raw) == before)
        }
    }

    @Test func aPipeHasTheDigestOfItsDisk() throws {
        let stream = directory.file("stream.vmdk")
        try QEMU.convert(raw, to: stream, format: "vmdk", options: "subformat=streamOptimized")
        for (image, options) in [(stream, ""), (raw, "-f raw")] {
            let output = try Tool.check(
                "sh", ["-c", "cat \"$1\" | \"$2\" checksum \(options) -", "sh", image, Tool.converter])
            #expect(output == "v2v1:\(try reference(raw))  -\n")
        }
    }

    @Test func aSnapshotIsReadLikeADisk() throws {
        let image = directory.file("image.qcow2")
        try QEMU.convert(raw, to: image, format: "qcow2")
        try Tool.check("qemu-img", ["snapshot", "-c", "before", image])
        try Tool.check("qemu-io", ["-c", "write -P 9 1M 64k", image])
        #expect(try digest(image, ["-l", "before"]) == reference(raw))
        #expect(try digest(image) != reference(raw))
    }

    @Test func JSONTellsTheSize() throws {
        struct Report: Decodable, Equatable {
            var filename: String
            var algorithm: String
            var digest: String
            var size: Int

            enum CodingKeys: String, CodingKey {
                case filename, algorithm, digest
                case size = "virtual-size"
            }
        }
        let output = try Tool.check(Tool.converter, ["checksum", "--output", "json", raw])
        let expected = Report(
            filename: raw, algorithm: "v2v1", digest: try reference(raw), size: content.count.roundedUp(to: 512))
        #expect(try JSONDecoder().decode(Report.self, from: Data(output.utf8)) == expected)
    }

    @Test func failuresPrintNoDigest() throws {
        let garbage = try directory.write([0x51, 0x46, 0x49, 0xFB], to: "garbage")
        for (arguments, status) in [
            ([], 2), ([raw, raw], 2), ([directory.file("none")], 10), (["-f", "vmdk", raw], 11),
            (["-f", "nonsense", raw], 2), ([garbage], 12), (["-l", "none", raw], 2),
        ] as [([String], Int32)] {
            let result = try Tool.run(Tool.converter, ["checksum"] + arguments)
            #expect(result.status == status && result.output.isEmpty, "\(arguments): \(result.error)")
        }
    }

    private func digest(_ image: String, _ options: [String] = []) throws -> String {
        let output = try Tool.check(Tool.converter, ["checksum"] + options + [image])
        #expect(output.hasPrefix("v2v1:") && output.hasSuffix("  \(image)\n"))
        return String(output.dropFirst(5).prefix(64))
    }

    /// The digest of a raw disk by the program in docs/checksum.md.
    private func reference(_ disk: String) throws -> String {
        let page = URL(filePath: #filePath).appending(path: "../../../docs/checksum.md").standardized
        let text = String(decoding: try contents(of: page.path), as: UTF8.self)
        let start = try #require(text.range(of: "```python\n")).upperBound
        let program = try #require(text[start...].components(separatedBy: "```").first)
        return String(try Tool.check("python3", ["-c", program, disk]).dropFirst(5).prefix(64))
    }
}

extension Int {
    fileprivate func roundedUp(to multiple: Int) -> Int { (self + multiple - 1) / multiple * multiple }
}
