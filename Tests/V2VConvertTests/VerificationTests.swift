import TestSupport
import Testing
import V2VConvert

/// Every form of output can be verified, and that changes nothing in it.
@Suite struct VerificationTests {
    @Test(arguments: TargetVariant.main + TargetVariant.special + TargetVariant.vmdk + TargetVariant.vhd)
    func verifiedOutputsAreTheSame(variant: TargetVariant) async throws {
        let directory = try TemporaryDirectory()
        let raw = try directory.write([UInt8](joining: [.mixed] + DiskContent.all, times: 1), to: "raw")
        var outputs: Set<String> = []
        for (verifies, io, direct) in [
            (false, Converter.IOMode.automatic, true), (true, .automatic, true), (true, .sync, false),
        ] {
            let place = try TemporaryDirectory()
            var converter = Converter(
                source: DiskImageSource(path: raw, format: .raw), target: variant.target(path: place.file("out")))
            converter.verifies = verifies
            converter.io = io
            converter.usesDirectIO = direct
            #expect(try await converter.convert().isVerified == verifies)
            outputs.insert(try Tool.check("sh", ["-c", "cd \"$1\" && sha256sum -- *", "sh", place.path]))
        }
        // What ISA-L makes of the same bytes differs now and then.
        if variant.level != 0 { #expect(outputs.count == 1) }
    }

    @Test(arguments: DiskContent.all)
    func everyContentIsVerified(content: DiskContent) async throws {
        let directory = try TemporaryDirectory()
        let raw = try directory.write(content.bytes(), to: "raw")
        for (index, variant) in (TargetVariant.main + TargetVariant.vmdk + TargetVariant.vhd).enumerated() {
            var converter = Converter(
                source: DiskImageSource(path: raw, format: .raw),
                target: variant.target(path: directory.file("out-\(index)")))
            converter.verifies = true
            #expect(try await converter.convert().isVerified)
        }
    }
}
