import TestSupport
import Testing
import V2VConvert

/// VMDKs as others see them.
@Suite struct VMDKOutputTests {
    let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    private func convert(_ source: String, to name: String, change: (inout VMDKOptions) -> Void = { _ in }) async throws
    {
        var options = VMDKOptions()
        change(&options)
        var target = DiskImageTarget(path: directory.file(name), format: .vmdk(options))
        target.existing = .replace
        try await Converter(source: DiskImageSource(path: source), target: target).convert()
    }

    @Test(arguments: IndependentVMDKReader.allCases.filter(\.isAvailable), VMDKOptions.Subformat.allCases)
    func othersReadEveryForm(reader: IndependentVMDKReader, subformat: VMDKOptions.Subformat) async throws {
        // dissect knows no odd ends.
        let bytes = DiskContent.mixed.bytes() + (reader == .dissect ? [UInt8](repeating: 1, count: 512) : [])
        let raw = try directory.write(bytes, to: "raw")
        try await convert(raw, to: "disk.vmdk") { $0.subformat = subformat }
        try reader.requireIdentical(raw, directory.file("disk.vmdk"))
    }

    @Test(.enabled(if: IndependentVMDKReader.sevenZip.isAvailable), arguments: VMDKOptions.Subformat.allCases)
    func aDiskMayBeEmpty(subformat: VMDKOptions.Subformat) async throws {
        let raw = try directory.write([], to: "raw")
        try await convert(raw, to: "disk.vmdk") { $0.subformat = subformat }
        try IndependentVMDKReader.sevenZip.requireIdentical(raw, directory.file("disk.vmdk"))
    }

    @Test(arguments: [VMDKOptions.Subformat.twoGbMaxExtentSparse, .twoGbMaxExtentFlat])
    func splitsAtVMwaresBoundary(subformat: VMDKOptions.Subformat) async throws {
        // Data on both sides of each boundary, within one chunk; an extent without data; an odd end.
        let extent = 4_192_256 * 512
        let raw = directory.file("raw")
        try Tool.check("truncate", ["-s", "\(3 * extent + 2048 * 512 + 512)", raw])
        for (place, letter) in [(0, 0x41), (extent - 70000, 0x42), (extent, 0x43), (3 * extent - 200, 0x44)] {
            try Tool.check("qemu-io", ["-f", "raw", "-c", "write -q -P \(letter) \(place) 150000", raw])
        }
        try await convert(raw, to: "disk.vmdk") { $0.subformat = subformat }
        try QEMU.requireIdentical(raw, directory.file("disk.vmdk"), format: "vmdk")
        try QEMU.requireClean(directory.file("disk.vmdk"), format: "vmdk")
        let isFlat = subformat == .twoGbMaxExtentFlat
        let names = (1...4).map { "disk-\(isFlat ? "f" : "s")00\($0).vmdk" }
        #expect(directory.names == names + ["disk.vmdk", "raw"])
        if isFlat {
            #expect(names.map { fileSize(directory.file($0)) } == [extent, extent, extent, 2048 * 512 + 512])
        }
        let text = String(decoding: try contents(of: directory.file("disk.vmdk")), as: UTF8.self)
        let lines = text.split(separator: "\n").filter { $0.hasPrefix("RW ") }
        #expect(lines.map { $0.split(separator: " ")[1] } == ["4192256", "4192256", "4192256", "2049"])
    }

    /// What a snapshot's parentCID must notice.
    @Test(arguments: VMDKOptions.Subformat.allCases.filter { $0 != .streamOptimized })
    func theContentIDFollowsTheContent(subformat: VMDKOptions.Subformat) async throws {
        var bytes = DiskContent.mixed.bytes()
        var identifiers: Set<String> = []
        for place in [0, 5 << 20, 5 << 20, bytes.count - 1] {
            bytes[place] ^= 1
            try await convert(try directory.write(bytes, to: "raw"), to: "disk.vmdk") { $0.subformat = subformat }
            let text = try Tool.check("qemu-img", ["info", directory.file("disk.vmdk")])
            identifiers.insert(String(try #require(text.split(separator: "\n").first { $0.contains(" cid:") })))
        }
        // The third content is the first again.
        #expect(identifiers.count == 3)
    }

    @Test(arguments: [
        (VMDKOptions.AdapterType.ide, 16), (.buslogic, 255), (.lsilogic, 255), (.legacyESX, 255), (.pvscsi, 255),
    ])
    func namesItsAdapterAndHardware(adapter: VMDKOptions.AdapterType, heads: Int) async throws {
        let raw = try directory.write(DiskContent.mixed.bytes(), to: "raw")
        try await convert(raw, to: "disk.vmdk") {
            $0.subformat = .monolithicFlat
            $0.adapterType = adapter
            $0.hardwareVersion = 13
        }
        let text = String(decoding: try contents(of: directory.file("disk.vmdk")), as: UTF8.self)
        #expect(text.contains("ddb.adapterType = \"\(adapter.rawValue)\"\n"))
        #expect(text.contains("ddb.geometry.heads = \"\(heads)\"\n"))
        #expect(text.contains("ddb.virtualHWVersion = \"13\"\n"))
    }

    @Test func refusesWhatCantFitBeforeItStarts() async throws {
        let raw = directory.file("raw")
        try Tool.check("truncate", ["-s", "3T", raw])
        var target = DiskImageTarget(path: directory.file("disk.vmdk"), format: .vmdk(VMDKOptions()))
        target.minimumZeroRun = 0
        let converter = Converter(source: DiskImageSource(path: raw), target: target)
        let error = await #expect(throws: ImageError.self) { try await converter.convert() }
        #expect(error?.code == .invalidOption && error?.message.contains("2 TiB") == true)
        #expect(directory.names == ["raw"])
        // What is not stored takes no room.
        try await convert(raw, to: "disk.vmdk")
        #expect(try Tool.check("qemu-img", ["info", directory.file("disk.vmdk")]).contains("3298534883328 bytes"))
    }
}
