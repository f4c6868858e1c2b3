import ByteLayout
import TestSupport
import Testing
import V2VConvert

/// What the feature bits of a qcow2 header mean to a reader.
@Suite struct QCOW2FeatureTests {
    let directory: TemporaryDirectory
    let raw: String

    init() throws {
        directory = try TemporaryDirectory()
        raw = try directory.write(DiskContent.mixed.bytes(), to: "disk.raw")
    }

    /// Converts an image of qemu-img's after `change`.
    private func convert(_ change: (inout [UInt8]) -> Void) async throws -> ConversionReport {
        let image = directory.file("image.qcow2")
        try QEMU.convert(raw, to: image, format: "qcow2")
        var bytes = try contents(of: image)
        change(&bytes)
        try Tool.write(bytes, to: image)
        let target = DiskImageTarget(path: directory.file("out.raw"))
        return try await Converter(source: DiskImageSource(path: image), target: target).convert()
    }

    @Test func aDirtyImageIsReadWithAWarning() async throws {
        let report = try await convert { $0.storeBigEndian(UInt64(1), at: 72) }
        #expect(report.warnings.contains { $0.contains("not closed properly") })
        try QEMU.requireIdentical(raw, directory.file("out.raw"), format: "raw")
    }

    @Test func unknownFeaturesAreNamedAsTheImageNamesThem() async throws {
        let error = await #expect(throws: ImageError.self) {
            try await convert { bytes in
                bytes.storeBigEndian(UInt64(1) << 41 | UInt64(1) << 7, at: 72)
                // QEMU's table of names: 48 bytes an entry, the kind (0 incompatible), the bit, the name.
                let name = Array("extended L2 entries".utf8)
                let start = bytes[..<4096].indices.first { bytes[$0..<$0 + name.count].elementsEqual(name) } ?? 0
                bytes[start - 1] = 7
            }
        }
        #expect(error?.code == .inputUnsupported)
        #expect(error?.message.contains("extended L2 entries, bit 41") == true)
    }

    /// Unknown compatible and autoclear features are none of a reader's business.
    @Test func otherUnknownFeaturesAreIgnored() async throws {
        let report = try await convert {
            $0.storeBigEndian(UInt64(1) << 40, at: 80)
            $0.storeBigEndian(UInt64(1) << 40, at: 88)
        }
        #expect(report.warnings.isEmpty)
        try QEMU.requireIdentical(raw, directory.file("out.raw"), format: "raw")
    }
}
