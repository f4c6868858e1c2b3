import Foundation
import TestSupport
import Testing
import V2VConvert

/// What qemu-img 7.2 converts to a wrong disk with exit status 0, or never finishes, in qcow2 images.
@Suite struct SilentCorruptionQCOW2Tests {
    let directory: TemporaryDirectory
    let raw: String

    init() throws {
        directory = try TemporaryDirectory()
        raw = try directory.write(DiskContent.mixed.bytes(), to: "disk.raw")
    }

    private func convert(_ image: String) async throws -> String {
        var target = DiskImageTarget(path: directory.file("out.raw"))
        target.existing = .replace
        try await Converter(source: DiskImageSource(path: image), target: target).convert()
        return target.path
    }

    /// qemu-img: zeros.
    @Test(arguments: ["compat=1.1", "compat=0.10", "extended_l2=on"])
    func row04DataClusterPastTheEndIsRefused(options: String) async throws {
        let image = directory.file("cut.qcow2")
        try QEMU.convert(raw, to: image, format: "qcow2", options: options)
        // The end of qemu-img's images is data: 64 KiB less are one cluster less.
        truncate(image, try #require(fileSize(image)) - 65536)
        let error = await #expect(throws: ImageError.self) { try await convert(image) }
        #expect(error?.code == .inputDamaged && error?.path == image && error?.offset != nil)
        #expect(!directory.names.contains("out.raw"))
    }

    /// qemu-img: no end.
    @Test func row11LoopsOfBackingFilesAreFound() async throws {
        let first = directory.file("a.qcow2")
        let second = directory.file("b.qcow2")
        try Tool.check("qemu-img", ["create", "-q", "-f", "qcow2", first, "1M"])
        try Tool.check("qemu-img", ["create", "-q", "-f", "qcow2", "-b", first, "-F", "qcow2", second])
        try Tool.check("qemu-img", ["rebase", "-u", "-b", second, "-F", "qcow2", first])
        let ring = await #expect(throws: ImageError.self) { try await convert(first) }
        #expect(ring?.code == .inputDamaged && ring?.message.contains("loop") == true)
        // Its own backing file, under another name.
        try FileManager.default.linkItem(atPath: first, toPath: directory.file("link.qcow2"))
        try Tool.check("qemu-img", ["rebase", "-u", "-b", "link.qcow2", "-F", "qcow2", first])
        let own = await #expect(throws: ImageError.self) { try await convert(first) }
        #expect(own?.code == .inputDamaged && own?.message.contains("loop") == true)
    }

    /// qemu-img: copies what the host has there.
    @Test(arguments: [
        "/etc/hostname", "../../../../../../etc/hostname", "json:{\"driver\":\"file\"}", "nbd://host/disk",
    ])
    func row12BackingFilesOutsideTheDirectoryAreRefused(name: String) async throws {
        let image = directory.file("overlay.qcow2")
        try Tool.check("qemu-img", ["create", "-q", "-f", "qcow2", "-u", "-b", name, "-F", "raw", image, "1M"])
        let error = await #expect(throws: ImageError.self) { try await convert(image) }
        #expect([.inputUnsupported, .inputUnreadable].contains(try #require(error).code))
        #expect(!directory.names.contains("out.raw"))
    }

    /// The external data file is a name in the image too.
    @Test func row12DataFilesOutsideTheDirectoryAreRefused() async throws {
        let image = directory.file("in/image.qcow2")
        try FileManager.default.createDirectory(atPath: directory.file("in"), withIntermediateDirectories: true)
        let data = directory.file("outside.data")
        try Tool.check(
            "qemu-img", ["convert", "-f", "raw", "-O", "qcow2", "-o", "data_file=\(data)", raw, image])
        let error = await #expect(throws: ImageError.self) { try await convert(image) }
        #expect(error?.code == .inputUnsupported && error?.advice?.contains("--allow-outside-files") == true)
        var converter = Converter(
            source: DiskImageSource(path: image), target: DiskImageTarget(path: directory.file("out.raw")))
        converter.source.allowsOutsideFiles = true
        try await converter.convert()
        try QEMU.requireIdentical(raw, directory.file("out.raw"), format: "raw")
    }

    /// qemu-img: the last bytes are lost.
    @Test(arguments: [1, 100, 511])
    func row13ADiskOfNoWholeSectorsKeepsAllItsBytes(missing: Int) async throws {
        let image = directory.file("odd.qcow2")
        try QEMU.convert(raw, to: image, format: "qcow2")
        let disk = DiskContent.mixed.bytes()
        let size = disk.count - missing
        var bytes = try contents(of: image)
        bytes.replaceSubrange(24..<32, with: littleEndian(UInt64(size)).reversed())
        try Tool.write(bytes, to: image)
        let written = try contents(of: try await convert(image))
        #expect(written.count == disk.count && written[..<size] == disk[..<size])
        #expect(disk[..<size].last != 0, "the test needs data at the end")
        // What follows the disk's last byte in its cluster is not the disk's.
        #expect(written[size...].allSatisfy { $0 == 0 })
    }
}
