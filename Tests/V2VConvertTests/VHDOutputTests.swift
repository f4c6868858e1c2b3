import ByteLayout
import TestSupport
import Testing
import V2VConvert

/// VHDs and VHDXs as others see them.
@Suite struct VHDOutputTests {
    let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    private static let forms = TargetVariant.vhd.filter { $0.minimumZeroRun == nil }

    /// Converts and returns the path of the image.
    @discardableResult
    private func convert(_ source: String, _ form: TargetVariant) async throws -> String {
        let path = directory.file("disk")
        var target = form.target(path: path)
        target.existing = .replace
        try await Converter(source: DiskImageSource(path: source), target: target).convert()
        return path
    }

    private static func isVHDX(_ form: TargetVariant) -> Bool { form.format.name == .vhdx }

    @Test(arguments: IndependentVHDReader.allCases.filter(\.isAvailable), forms)
    func othersReadEveryForm(reader: IndependentVHDReader, form: TargetVariant) async throws {
        var bytes = DiskContent.mixed.bytes()
        if reader == .sevenZip, Self.isVHDX(form) { bytes += [UInt8](repeating: 1, count: 512) }
        let raw = try directory.write(bytes, to: "raw")
        let path = try await convert(raw, form)
        try reader.requireIdentical(raw, path, type: Self.isVHDX(form) ? "vhdx" : "vhd")
    }

    @Test(.enabled(if: SevenZip.isThere), arguments: VHDOptions.Subformat.allCases)
    func aVHDMayBeEmpty(subformat: VHDOptions.Subformat) async throws {
        let form = try #require(Self.forms.first { $0.name == "vhd \(subformat.rawValue)" })
        let raw = try directory.write([], to: "raw")
        try IndependentVHDReader.sevenZip.requireIdentical(raw, try await convert(raw, form), type: "vhd")
    }

    /// A snapshot knows its parent by it.
    @Test(arguments: [("vhd dynamic", 68), ("vhd fixed", -512 + 68), ("vhdx dynamic", 65536 + 32)])
    func theIdentifierFollowsTheContent(name: String, place: Int) async throws {
        let form = try #require(Self.forms.first { $0.name == name })
        var bytes = DiskContent.mixed.bytes()
        var identifiers: Set<[UInt8]> = []
        for changed in [0, 5 << 20, 5 << 20, bytes.count - 1] {
            bytes[changed] ^= 1
            let image = try contents(of: try await convert(try directory.write(bytes, to: "raw"), form))
            let start = place < 0 ? image.count + place : place
            identifiers.insert(Array(image[start..<start + 16]))
        }
        // The third content is the first again.
        #expect(identifiers.count == 3)
    }

    @Test func theTwoHeadersAndAllIdentifiersOfAVHDXDiffer() async throws {
        let form = try #require(Self.forms.first { $0.name == "vhdx dynamic" })
        let raw = try directory.write(DiskContent.mixed.bytes(), to: "raw")
        let image = try contents(of: try await convert(raw, form))
        let sequences = [64 << 10, 128 << 10].map { image.littleEndian(UInt64.self, at: $0 + 8) }
        #expect(sequences[1] == sequences[0] + 1)
        let file = image[65536 + 16..<65536 + 32]
        let data = image[65536 + 32..<65536 + 48]
        #expect(Set([Array(file), Array(data)]).count == 2)
    }

    // MARK: The size

    /// At the steps of the rule for geometries: 4 to 16 heads, 17, 31, 63 and 255 sectors, the last cylinder.
    @Test(arguments: [
        512, 34816, 1 << 20, 35_651_584, 35_652_096, 533_000_192, 533_000_704, 1 << 30, 10 << 30, 33_822_351_360,
        33_822_867_456, 100 << 30, 136_899_993_088, 136_899_994_112, 200 << 30,
    ])
    func withoutForceSizeADiskGrowsAsWithQemuImg(size: Int) async throws {
        let raw = directory.file("raw")
        try Tool.check("truncate", ["-s", "\(size)", raw])
        var options = VHDOptions()
        options.keepsSize = false
        let converter = Converter(
            source: DiskImageSource(path: raw),
            target: DiskImageTarget(path: directory.file("ours"), format: .vhd(options)))
        let report = try await converter.convert()
        try Tool.check("qemu-img", ["create", "-q", "-f", "vpc", directory.file("theirs"), "\(size)"])
        let (ours, theirs) = try (contents(of: directory.file("ours")), contents(of: directory.file("theirs")))
        // The size and the geometry.
        #expect(ours[48..<60] == theirs[48..<60])
        let grown = ours.bigEndian(UInt64.self, at: 48) - UInt64(size)
        #expect(report.warnings.contains { $0.contains("\(grown) bytes larger") } == (grown > 0))
    }

    @Test(arguments: [512, 34816, (9 << 20) - 512, 127 << 30, 2040 << 30])
    func aDiskKeepsItsSize(size: Int) async throws {
        let raw = directory.file("raw")
        try Tool.check("truncate", ["-s", "\(size)", raw])
        try Tool.check("qemu-io", ["-f", "raw", "-c", "write -q -P 7 \(size - 512) 512", raw])
        for name in ["vhd dynamic", "vhd fixed", "vhdx dynamic", "vhdx fixed"] {
            let form = try #require(Self.forms.first { $0.name == name })
            try QEMU.requireContent(
                try await convert(raw, form), format: form.format.name.rawValue, size: size,
                pieces: [(size - 512, 512, 7)] + (size > 1024 ? [(0, 512, 0), (size - 1024, 512, 0)] : []))
        }
    }

    @Test(arguments: [
        ("vhd dynamic", 2_190_433_320_960 + 512, "2040 GiB"), ("vhd fixed", 3 << 40, "2040 GiB"),
        ("vhdx dynamic", 64 << 40, nil), ("vhdx dynamic", 64 << 40 + 512, "64 TiB"), ("vhdx fixed", 65 << 40, "64 TiB"),
    ])
    func refusesWhatCantFitBeforeItStarts(name: String, size: Int, limit: String?) async throws {
        let form = try #require(Self.forms.first { $0.name == name })
        let source = directory.file("in.qcow2")
        try Tool.check("qemu-img", ["create", "-q", "-f", "qcow2", "-o", "cluster_size=2M", source, "\(size)"])
        guard let limit else {
            let info = try Tool.check("qemu-img", ["info", "-f", "vhdx", try await convert(source, form)])
            return #expect(info.contains("\(size) bytes"))
        }
        let error = await #expect(throws: ImageError.self) { try await convert(source, form) }
        #expect(error?.code == .invalidOption && error?.message.contains(limit) == true)
        #expect(directory.names == ["in.qcow2"])
    }

    @Test(
        arguments: [
            { $0.blockSize = 3 << 20 }, { $0.blockSize = 512 << 20 }, { $0.blockSize = -1 }, { $0.logSize = 0 },
            { $0.logSize = (1 << 20) + 512 }, { $0.logSize = 4 << 30 }, { $0.logSize = -(1 << 20) },
        ] as [@Sendable (inout VHDXOptions) -> Void])
    func refusesImpossibleOptions(change: @Sendable (inout VHDXOptions) -> Void) async throws {
        var options = VHDXOptions()
        change(&options)
        let raw = try directory.write([1], to: "raw")
        let form = TargetVariant(name: "", format: .vhdx(options))
        let error = await #expect(throws: ImageError.self) { try await convert(raw, form) }
        #expect(error?.code == .invalidOption)
        #expect(directory.names == ["raw"])
    }

    @Test(arguments: ["vhd dynamic", "vhd fixed", "vhdx dynamic"], [true, false])
    func cantBeCompressed(name: String, compresses: Bool) async throws {
        let form = try #require(Self.forms.first { $0.name == name })
        let raw = try directory.write([1], to: "raw")
        var target = form.target(path: directory.file("disk"))
        target.compresses = compresses
        target.deflateWindow = compresses ? .kib32 : .kib4
        let converter = Converter(source: DiskImageSource(path: raw), target: target)
        let error = await #expect(throws: ImageError.self) { try await converter.convert() }
        #expect(error?.code == .invalidOption)
    }

    /// Zeros take no storage, whether inside a block or a block of their own.
    @Test(arguments: forms)
    func whatIsZeroIsNotWritten(form: TargetVariant) async throws {
        let raw = directory.file("raw")
        try Tool.check("truncate", ["-s", "64M", raw])
        try Tool.check("qemu-io", ["-f", "raw", "-c", "write -q -P 7 20M 4096", "-c", "write -q -P 7 21M 4096", raw])
        let usage = try Tool.check("du", ["-k", try await convert(raw, form)])
        #expect(try #require(Int(usage.prefix { $0 != "\t" })) < 512)
    }
}
