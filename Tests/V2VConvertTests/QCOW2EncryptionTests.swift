import ByteLayout
import TestSupport
import Testing
import V2VConvert

/// qcow2 images that QEMU has encrypted.
@Suite struct QCOW2EncryptionTests {
    let directory: TemporaryDirectory
    let raw: String
    let key: String

    init() throws {
        directory = try TemporaryDirectory()
        raw = try directory.write(DiskContent.mixed.bytes(), to: "disk.raw")
        key = try directory.write(Array("open sesame".utf8), to: "key")
    }

    /// Makes an encrypted image of the disk.
    private func encrypt(_ options: String, key: String) throws -> String {
        let image = directory.file("image.qcow2")
        try QEMU.encrypt(
            "convert", ["-f", "raw", "-O", "qcow2", raw, image], secret: "file=\(key)", options: options)
        return image
    }

    private static let luks = "encrypt.format=luks"

    private func convert(_ image: String, key: String?, salvages: Bool = false) async throws -> ConversionReport {
        var source = DiskImageSource(path: image)
        source.passphraseFile = key
        source.salvages = salvages
        let target = DiskImageTarget(path: directory.file("out.raw"))
        return try await Converter(source: source, target: target).convert()
    }

    @Test(arguments: [
        "", ",encrypt.cipher-alg=aes-128", ",encrypt.cipher-mode=cbc", ",encrypt.hash-alg=sha512", ",cluster_size=512",
        ",extended_l2=on",
    ])
    func isReadWithThePassphrase(options: String) async throws {
        let image = try encrypt(Self.luks + options, key: key)
        _ = try await convert(image, key: key)
        try QEMU.requireIdentical(raw, directory.file("out.raw"), format: "raw")
    }

    /// `echo … > file` and editors put it there.
    @Test func aLineFeedBehindThePassphraseDoesNotMatter() async throws {
        let image = try encrypt(Self.luks, key: key)
        _ = try await convert(image, key: try directory.write(Array("open sesame\n".utf8), to: "line"))
        try QEMU.requireIdentical(raw, directory.file("out.raw"), format: "raw")
    }

    @Test func withoutThePassphraseItIsRefused() async throws {
        let image = try encrypt(Self.luks, key: key)
        let missing = await #expect(throws: ImageError.self) { try await convert(image, key: nil) }
        #expect(missing?.code == .inputUnsupported)
        #expect(missing?.advice?.contains("--passphrase-file") == true)
        let other = try directory.write(Array("open barley".utf8), to: "other")
        let wrong = await #expect(throws: ImageError.self) { try await convert(image, key: other) }
        #expect(wrong?.code == .inputUnreadable)
    }

    @Test(arguments: [
        "encrypt.format=aes", "\(luks),encrypt.cipher-alg=serpent-256", "\(luks),encrypt.ivgen-alg=plain",
    ])
    func otherCiphersAreRefused(options: String) async throws {
        let image = try encrypt(options, key: key)
        let error = await #expect(throws: ImageError.self) { try await convert(image, key: key) }
        #expect(error?.code == .inputUnsupported)
    }

    /// An overlay with a passphrase over a disk without one.
    @Test func theBackingFileNeedsNoEncryption() async throws {
        try QEMU.convert(raw, to: directory.file("base.qcow2"), format: "qcow2")
        let image = directory.file("overlay.qcow2")
        let secret = ["--object", "secret,id=key,file=\(key)"]
        try QEMU.encrypt(
            "create", ["-q", "-f", "qcow2", "-b", "base.qcow2", "-F", "qcow2", image], secret: "file=\(key)",
            options: Self.luks)
        let options = "driver=qcow2,encrypt.key-secret=key,file.filename=\(image)"
        for (file, format) in [(options, ["--image-opts"]), (raw, ["-f", "raw"])] {
            try Tool.check("qemu-io", secret + format + ["-c", "write -P 7 100k 300k", file])
        }
        _ = try await convert(image, key: key)
        try QEMU.requireIdentical(raw, directory.file("out.raw"), format: "raw")
    }

    /// The same file is the encrypted clusters of the one and the disk of the other.
    @Test func whatIsEncryptedIsNotWhatItsFileHas() async throws {
        let image = try encrypt(Self.luks + ",data_file=\(directory.file("data")),data_file_raw=on", key: key)
        var source = DiskImageSource(path: image)
        source.passphraseFile = key
        source.allowsOutsideFiles = true
        let plain = DiskImageSource(path: directory.file("data"), format: .raw)
        let result = try await ImageComparison(source, plain).compare()
        #expect(result.difference != nil)
        let same = try await ImageComparison(source, DiskImageSource(path: raw)).compare()
        #expect(same.difference == nil)
    }

    /// No program makes such; the sizes in the headers of images and snapshots are those of anybody.
    @Test(arguments: [false, true]) func aDiskMayEndInsideAnEncryptedSector(salvages: Bool) async throws {
        let image = try encrypt(Self.luks, key: key)
        var bytes = try contents(of: image)
        let size = DiskContent.mixed.size - 100
        bytes.storeBigEndian(UInt64(size), at: 24)
        try Tool.write(bytes, to: image)
        let report = try await convert(image, key: key, salvages: salvages)
        #expect(report.lost.isEmpty)
        let expected = Array(DiskContent.mixed.bytes()[..<size]) + [UInt8](repeating: 0, count: 100)
        #expect(try contents(of: directory.file("out.raw")) == expected)
    }

    @Test func aSlotThatTakesForeverIsRefused() async throws {
        let image = try encrypt(Self.luks, key: key)
        var bytes = try contents(of: image)
        let magic = Array("LUKS".utf8) + [0xBA, 0xBE]
        let header = try #require(
            stride(from: 0, to: bytes.count, by: 512).first { bytes[$0..<$0 + magic.count].elementsEqual(magic) })
        bytes.storeBigEndian(UInt32.max, at: header + 212)
        try Tool.write(bytes, to: image)
        let error = await #expect(throws: ImageError.self) { try await convert(image, key: key) }
        #expect(error?.code == .inputUnsupported)
    }

    @Test func whatIsLostIsZero() async throws {
        let image = try encrypt(Self.luks, key: key)
        let bytes = try contents(of: image)
        // Its end has the last clusters of the disk.
        try Tool.write(Array(bytes[..<(bytes.count - 100_000)]), to: image)
        let report = try await convert(image, key: key, salvages: true)
        var expected = DiskContent.mixed.bytes()
        for range in report.lost {
            for index in range.start..<range.start + range.length { expected[Int(index)] = 0 }
        }
        #expect(!report.lost.isEmpty)
        #expect(try contents(of: directory.file("out.raw")) == expected)
    }
}
