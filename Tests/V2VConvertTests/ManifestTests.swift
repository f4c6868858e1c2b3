import Foundation
import TestSupport
import Testing
import V2VConvert

/// A manifest's digests, made by coreutils, are held against what is converted.
@Suite struct ManifestTests {
    let directory: TemporaryDirectory
    let raw: String

    init() throws {
        directory = try TemporaryDirectory()
        raw = try directory.write(DiskContent.mixed.bytes(), to: "disk.raw")
        let stream = VMDKStreamBuilder { (try? deflated($0, windowBits: 15)) ?? [] }.image(of: try contents(of: raw))
        try directory.write(stream, to: "disk (1).vmdk")
        try directory.write(Array(OVF.text([.init("disk (1).vmdk", capacity: 9)]).utf8), to: "vm.ovf")
    }

    enum Algorithm: String, CaseIterable {
        case sha1 = "SHA1"
        case sha256 = "SHA256"
        case sha512 = "SHA512"
    }

    /// How tools write a line; `%` stands for the name.
    static let lines = ["ALG(%)= HEX\n", "ALG (%) = HEX\r\n", "  ALG(%)=HEX\n\n"]

    /// Writes `vm.mf` with the digests of `names`, and `vm.ova` with everything.
    private func pack(_ algorithm: Algorithm, line: String = lines[0], names: [String] = ["vm.ovf", "disk (1).vmdk"])
        throws
    {
        var text = ""
        for name in names {
            let sum = try Tool.check(algorithm.rawValue.lowercased() + "sum", [directory.file(name)])
            let digits = try #require(sum.split(separator: " ").first)
            text += line.replacing("ALG", with: algorithm.rawValue).replacing("%", with: name).replacing(
                "HEX", with: digits)
        }
        try directory.write(Array(text.utf8), to: "vm.mf")
        try packAgain()
    }

    private func packAgain() throws {
        try Tool.check(
            "tar",
            ["-c", "-f", directory.file("vm.ova"), "-C", directory.path, "vm.ovf", "vm.mf", "disk (1).vmdk"])
    }

    /// - Returns: the warnings, or the error.
    private func convert(_ image: String, ignoresManifest: Bool = false) async throws -> Result<[String], ImageError> {
        var source = DiskImageSource(path: directory.file(image))
        source.ignoresManifest = ignoresManifest
        let out = directory.file("out.qcow2")
        defer { try? FileManager.default.removeItem(atPath: out) }
        do {
            let report = try await Converter(source: source, target: DiskImageTarget(path: out)).convert()
            try QEMU.requireIdentical(raw, out, format: "qcow2")
            return .success(report.warnings)
        } catch let error as ImageError {
            #expect(!directory.names.contains { $0.hasPrefix("out.qcow2") })
            return .failure(error)
        }
    }

    @Test(arguments: Algorithm.allCases, lines) func everyAlgorithmAndSpelling(algorithm: Algorithm, line: String)
        async throws
    {
        try pack(algorithm, line: line)
        for image in ["vm.ova", "vm.ovf"] { #expect(try await convert(image).get() == []) }
        // The bytes behind the end of the stream change nothing but the digest.
        let disk = directory.file("disk (1).vmdk")
        try Tool.write(try contents(of: disk) + [UInt8](repeating: 0, count: 512), to: disk)
        try packAgain()
        for image in ["vm.ova", "vm.ovf"] {
            let error = try #require(try await convert(image).failure)
            #expect(error.code == .inputDamaged && error.path?.hasSuffix("/disk (1).vmdk") == true)
            #expect(error.description.contains(algorithm.rawValue) && error.description.contains("--ignore-manifest"))
            let warnings = try await convert(image, ignoresManifest: true).get()
            #expect(warnings.count == 1 && warnings[0].contains("does not have the \(algorithm.rawValue) digest"))
        }
    }

    @Test func aChangedDescriptionIsNoticed() async throws {
        try pack(.sha256)
        let text = String(decoding: try contents(of: directory.file("vm.ovf")), as: UTF8.self)
        try directory.write(Array(text.replacing("made for tests", with: "made otherwise").utf8), to: "vm.ovf")
        try packAgain()
        for image in ["vm.ova", "vm.ovf"] {
            let error = try #require(try await convert(image).failure)
            #expect(error.code == .inputDamaged && error.path?.hasSuffix("vm.ovf") == true)
        }
    }

    @Test func whatTheManifestLeavesOutIsTold() async throws {
        try pack(.sha1, names: ["vm.ovf"])
        for image in ["vm.ova", "vm.ovf"] {
            let warnings = try await convert(image).get()
            #expect(
                warnings.count == 1 && warnings[0].contains("has no digest of") && warnings[0].contains("disk (1).vmdk")
            )
        }
    }

    @Test(arguments: [
        "SHA256(vm.ovf)= 12", "MD5(vm.ovf)= d41d8cd98f00b204e9800998ecf8427e", "SHA256 vm.ovf", "\u{0}\u{1}\u{2}",
        "SHA1(vm.ovf)= zz39a3ee5e6b4b0d3255bfef95601890afd80709", "<html></html>", "SHA1=(vm.ovf)",
    ])
    func aManifestThatMakesNoSenseIsRefused(text: String) async throws {
        try directory.write(Array(text.utf8), to: "vm.mf")
        try packAgain()
        for image in ["vm.ova", "vm.ovf"] {
            let error = try #require(try await convert(image).failure)
            #expect(error.code == .inputDamaged && error.path?.hasSuffix("vm.mf") == true)
            #expect(try await convert(image, ignoresManifest: true).get().count == 1)
            // It can be described all the same.
            #expect(try DiskImageSource(path: directory.file(image)).info().virtualSize == 9_436_672)
        }
    }

    @Test func theManifestAndTheCertificateAreTold() async throws {
        try pack(.sha256)
        try directory.write(Array("SHA256(vm.mf)= 00\n-----BEGIN CERTIFICATE-----\n".utf8), to: "vm.cert")
        try Tool.check("tar", ["-r", "-f", directory.file("vm.ova"), "-C", directory.path, "vm.cert"])
        #expect(try await convert("vm.ova").get() == [])
        let facts = try DiskImageSource(path: directory.file("vm.ova")).info().formatSpecific.map {
            "\($0.key) \($0.value)"
        }
        #expect(facts.contains("manifest string(\"vm.mf\")") && facts.contains("certificate string(\"vm.cert\")"))
    }
}

extension Result {
    fileprivate var failure: Failure? {
        if case .failure(let error) = self { return error }
        return nil
    }
}
