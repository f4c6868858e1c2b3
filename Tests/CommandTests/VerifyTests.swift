import ByteLayout
import Foundation
import Synchronization
import TestSupport
import Testing

/// `--verify` notices a device that does not keep what it gets, and nothing else.
@Suite struct VerifyTests {
    let directory: TemporaryDirectory
    let raw: String

    init() throws {
        directory = try TemporaryDirectory()
        raw = try directory.write(DiskContent.mixed.bytes(), to: "disk.raw")
    }

    /// A form of output, and where in its file 0 a bit is flipped.
    struct Flip: Sendable, CustomTestStringConvertible {
        var name: String
        var options: [String]
        /// The end of the name of the file concerned.
        var file = "out.partial"
        /// On the way from the file, and to it.
        var calls = ["read", "write"]
        var offset: @Sendable ([UInt8]) throws -> Int

        var testDescription: String { name }

        static let all = [
            Flip(name: "raw, data", options: ["-O", "raw"]) { $0.count - 1 },
            Flip(name: "raw, zeros", options: ["-O", "raw"], calls: ["read"]) { try #require($0.firstZeroBlock) },
            Flip(name: "qcow2, data", options: ["-O", "qcow2"]) { _ in 65536 + 12345 },
            Flip(name: "qcow2, magic", options: ["-O", "qcow2"]) { _ in 3 },
            Flip(name: "qcow2, size of the disk", options: ["-O", "qcow2"]) { _ in 24 + 5 },
            Flip(name: "qcow2, L1 table", options: ["-O", "qcow2"]) { $0.bigEndianOffset(at: 40) + 5 },
            Flip(name: "qcow2, L2 table", options: ["-O", "qcow2"]) { $0.L2Table + 5 },
            Flip(name: "qcow2, refcount block", options: ["-O", "qcow2"]) { image in
                image.bigEndianOffset(at: image.bigEndianOffset(at: 48)) + 3
            },
            Flip(name: "qcow2, subclusters", options: ["-O", "qcow2", "-o", "extended_l2=on"]) { $0.L2Table + 15 },
            Flip(name: "qcow2 -c, data", options: ["-O", "qcow2", "-c"]) { _ in 65536 + 777 },
            Flip(name: "qcow2 -c, L2 table", options: ["-O", "qcow2", "-c"]) { $0.L2Table + 7 },
            Flip(name: "vmdk, data", options: ["-O", "vmdk"]) { $0.count - 70_000 },
            Flip(name: "vmdk, grain table", options: ["-O", "vmdk"]) { $0.grainTable(directoryAt: 56) },
            Flip(name: "vmdk, redundant grain table", options: ["-O", "vmdk"]) { $0.grainTable(directoryAt: 48) },
            Flip(name: "streamOptimized, data", options: ["-O", "vmdk", "-o", "subformat=streamOptimized"]) { _ in
                65536 + 777
            },
            Flip(name: "streamOptimized, directory", options: ["-O", "vmdk", "-o", "subformat=streamOptimized"]) {
                image in Int(image.littleEndian(UInt64.self, at: image.count - 1024 + 56)) * 512
            },
            Flip(
                name: "monolithicFlat, data", options: ["-O", "vmdk", "-o", "subformat=monolithicFlat"],
                file: "out-flat.vmdk.partial"
            ) { _ in 12345 },
            Flip(name: "monolithicFlat, extent", options: ["-O", "vmdk", "-o", "subformat=monolithicFlat"]) { text in
                let name = try #require(Data(text).range(of: Data("-flat.vmdk\" 0".utf8)))
                return name.upperBound - 1
            },
            Flip(name: "vhd, data", options: ["-O", "vpc"]) { _ in 4096 + 12345 },
            Flip(name: "vhd, block table", options: ["-O", "vpc"]) { _ in 1536 + 2 },
            Flip(name: "vhdx, data", options: ["-O", "vhdx"]) { _ in (4 << 20) + 12345 },
            Flip(name: "vhdx, block table", options: ["-O", "vhdx"]) { _ in (3 << 20) + 3 },
        ]
    }

    @Test(arguments: Flip.all)
    func aFlippedBitIsNoticed(flip: Flip) throws {
        let library = try Self.library.get()
        let output = directory.file("out")
        try Tool.check(Tool.converter, ["-q"] + flip.options + [raw, output])
        let names = directory.names
        let concerned = directory.file(flip.file.replacingOccurrences(of: ".partial", with: ""))
        let place = try flip.offset(try contents(of: concerned))
        for call in flip.calls {
            for file in names where file.hasPrefix("out") { unlink(directory.file(file)) }
            let settings = Self.settings(library, call: call, file: flip.file, offset: place)
            let arguments = ["-q", "--io", "sync"] + flip.options + [raw, output]
            let result = try Tool.run("env", settings + [Tool.converter, "--verify"] + arguments)
            #expect(result.status == 21, "\(call): \(result.status) \(result.error)")
            #expect(result.error.contains("on the device") && result.error.contains("check the device"))
            #expect(directory.names == ["disk.raw"])
            // Without --verify nobody would know.
            #expect(try Tool.run("env", settings + [Tool.converter] + arguments).status == 0)
        }
    }

    /// The kernel tells once that the device did not take what was in the page cache: the last flush may succeed.
    @Test(arguments: [[], ["--verify"], ["--verify", "--io", "sync"]])
    func aDeviceThatFailsIsNoticedThroughThePageCacheToo(options: [String]) throws {
        let large = directory.file("large.raw")
        try Tool.check("dd", ["if=/dev/urandom", "of=\(large)", "bs=1M", "count=70", "status=none"])
        let result = try Tool.run(
            "env",
            ["LD_PRELOAD=\(try Self.library.get())", "FAIL_WRITE_BACK=1", Tool.converter, "-q", "--buffered"] + options
                + [large, directory.file("out.qcow2")])
        #expect(result.status == 21 && result.error.contains("to the device"), "\(result.error)")
        #expect(directory.names == ["disk.raw", "large.raw"])
    }

    @Test func dataThatDiffersIsNamedToTheByte() throws {
        let output = directory.file("out")
        let result = try Tool.run(
            "env",
            Self.settings(try Self.library.get(), call: "write", file: "out.partial", offset: 70001)
                + [Tool.converter, "-q", "--json", "--io", "sync", "--verify", "-O", "qcow2", raw, output])
        #expect(result.error.contains("\(output): what is on the device is not what was written (at byte 70001)"))
        #expect(result.output.contains("\"output-failed\"") && result.output.contains("\"offset\" : 70001"))
    }

    @Test(arguments: [
        [], ["-c"], ["-o", "extended_l2=on"], ["-o", "extended_l2=on,preallocation=metadata"], ["-o", "compat=0.10"],
        ["-o", "data_file=data"], ["-c", "-o", "extended_l2=on"],
    ])
    func overlaysAreVerified(options: [String]) throws {
        let base = directory.file("base.qcow2")
        try QEMU.convert(raw, to: base, format: "qcow2")
        try Tool.check("qemu-img", ["resize", "-q", "--shrink", base, "6M"])
        try Tool.check("qemu-io", ["-c", "write -P 5 1M 700k", "-c", "write -P 6 3M 4k", base])
        var outputs: Set<String> = []
        for verify in [[], ["--verify"]] {
            try Tool.check(
                Tool.converter,
                ["-q", "--force", "-B", "base.qcow2"] + verify + options + [raw, directory.file("overlay.qcow2")])
            outputs.insert(
                try Tool.check("sh", ["-c", "cd \"$1\" && cat overlay.qcow2 data* | sha256sum", "sh", directory.path]))
        }
        #expect(outputs.count == 1)
        // From there, for QEMU looks for the data file in its own directory.
        try Tool.check(
            "sh",
            ["-c", "cd \"$1\" && qemu-img compare -f raw -F qcow2 disk.raw overlay.qcow2", "sh", directory.path])
    }

    @Test func whatIsWrittenInPlaceIsVerifiedWithItsZeros() throws {
        let size = DiskContent.mixed.size + 123_456
        let target = try directory.write([UInt8](repeating: 0xA5, count: size), to: "target")
        for options in [[], ["--io", "sync"], ["--buffered"]] {
            try Tool.check(Tool.converter, ["-q", "--verify", "-O", "raw", "-n"] + options + [raw, target])
            try Tool.check("cmp", ["-n", "\(DiskContent.mixed.size)", raw, target])
        }
        // The target is not what it was said to be.
        try directory.write([UInt8](repeating: 0xA5, count: size), to: "target")
        let result = try Tool.run(
            Tool.converter, ["-q", "--verify", "-O", "raw", "-n", "--target-is-zero", raw, target])
        #expect(result.status == 21 && result.error.contains("is not what was written"), "\(result.error)")
    }

    @Test func aPipeCanBeTheInputButNotTheOutput() throws {
        for format in ["raw", "qcow2"] {
            let output = directory.file("out." + format)
            try Tool.check(
                "sh",
                [
                    "-c", "cat \"$1\" | \"$2\" -q -f raw -O \(format) --verify - \"$3\"", "sh", raw, Tool.converter,
                    output,
                ])
            try QEMU.requireIdentical(raw, output, format: format)
        }
        let result = try Tool.run("sh", ["-c", "\"$1\" --verify -O raw \"$2\" - | wc -c", "sh", Tool.converter, raw])
        #expect(result.output == "0\n" && result.error.contains("a pipe can't be read back"), "\(result.error)")
    }

    @Test func theReportTellsIt() throws {
        for (options, verified) in [([], false), (["--verify"], true)] {
            let result = try Tool.run(
                Tool.converter, ["--json", "--force"] + options + [raw, directory.file("out.qcow2")])
            #expect(result.output.contains("\"verified\" : \(verified)"))
            #expect(result.error.hasSuffix(", verified\n") == verified)
        }
    }

    @Test func aTerabyteWithLittleDataTakesLittleMemory() throws {
        let image = directory.file("image.qcow2")
        try Tool.check("qemu-img", ["create", "-q", "-f", "qcow2", image, "2T"])
        try Tool.check("qemu-io", ["-c", "write -P 9 1T 64M", image])
        for output in ["out.qcow2", "out.vhdx", "out.raw"] {
            let (result, memory, _) = try Tool.measure(["-q", "--verify", image, directory.file(output)])
            #expect(result.status == 0 && memory < SparseScaleTests.memoryBound, "\(result.error)")
        }
    }

    private static func settings(_ library: String, call: String, file: String, offset: Int) -> [String] {
        ["LD_PRELOAD=\(library)", "FLIP_CALL=\(call)", "FLIP_FILE=/\(file)", "FLIP_OFFSET=\(offset)"]
    }

    /// The library that flips bits, built once.
    private static let library = Result {
        let place = try TemporaryDirectory()
        let source = URL(filePath: #filePath).appending(path: "../../FlipByte/flip.c").standardized.path
        try Tool.check("cc", ["-shared", "-fPIC", "-o", place.file("flip.so"), source])
        libraryPlace.withLock { $0 = place }
        return place.file("flip.so")
    }

    /// Keeps the library's directory while the tests run.
    private static let libraryPlace = Mutex<TemporaryDirectory?>(nil)
}

extension [UInt8] {
    /// An offset that is stored at `position`, without the flags of qcow2's entries.
    fileprivate func bigEndianOffset(at position: Int) -> Int {
        Int(bigEndian(UInt64.self, at: position) & 0x00FF_FFFF_FFFF_FE00)
    }

    /// Where a qcow2 image has its first L2 table.
    fileprivate var L2Table: Int { bigEndianOffset(at: bigEndianOffset(at: 40)) }

    /// Where a sparse VMDK has its first grain table.
    /// - Parameter field: of the header, that has the directory's sector.
    fileprivate func grainTable(directoryAt field: Int) -> Int {
        let directory = Int(littleEndian(UInt64.self, at: field)) * 512
        return Int(littleEndian(UInt32.self, at: directory)) * 512
    }

    /// The first whole block of 4 KiB that is zero.
    fileprivate var firstZeroBlock: Int? {
        stride(from: 0, to: count - 4096, by: 4096).first { self[$0..<$0 + 4096].allSatisfy { $0 == 0 } }
    }
}
