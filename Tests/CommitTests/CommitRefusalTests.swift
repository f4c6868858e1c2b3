import ByteLayout
import DiskImage
import Foundation
import TestSupport
import Testing

@testable import V2VConvert

/// What can't be changed in place is refused, and left as it is.
@Suite struct CommitRefusalTests {
    let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    private func requireRefusal(_ image: String, _ code: ImageError.Code, source: DiskImageSource? = nil) throws {
        let before = try contents(of: image)
        #expect {
            let commit = try ImageCommit(source ?? DiskImageSource(path: image))
            let map = try commit.makeMap()
            let disk = [UInt8](repeating: 0, count: Int(map.virtualSize))
            let raw = try directory.write(disk, to: "zeros.raw")
            _ = try commit.commit(ChangedDisk(raw, seed: 1).layer())
        } throws: { error in
            (error as? ImageError)?.code == code
        }
        #expect(try contents(of: image) == before)
    }

    @Test(arguments: ["vmdk", "vdi", "vpc", "vhdx"]) func otherFormats(format: String) throws {
        let image = directory.file("disk.\(format)")
        try Tool.check("qemu-img", ["create", "-q", "-f", format, image, "4M"])
        try requireRefusal(image, .inputUnsupported)
    }

    @Test func encryptedImages() throws {
        let image = directory.file("disk.qcow2")
        try QEMU.encrypt(
            "create", ["-q", "-f", "qcow2", image, "1M"], secret: "data=secret", options: "encrypt.format=luks")
        try requireRefusal(image, .inputUnsupported)
    }

    @Test func externalDataFiles() throws {
        let image = directory.file("disk.qcow2")
        try Tool.check(
            "qemu-img", ["create", "-q", "-f", "qcow2", "-o", "data_file=\(directory.file("data"))", image, "1M"])
        try requireRefusal(image, .inputUnsupported)
    }

    /// Marked as dirty, as corrupt, or with a cluster in use that is not counted.
    @Test(arguments: [0, 1, 2]) func imagesToBeRepaired(damage: Int) throws {
        let image = directory.file("disk.qcow2")
        try Tool.check("qemu-img", ["create", "-q", "-f", "qcow2", "-o", "lazy_refcounts=on", image, "1M"])
        try Tool.check("qemu-io", ["-c", "write -q 0 128k", image])
        var bytes = try contents(of: image)
        if damage < 2 {
            bytes[79] |= 1 << UInt8(damage)
        } else {
            let table = Int(bytes.bigEndian(UInt64.self, at: 48))
            bytes.storeBigEndian(UInt16(0), at: Int(bytes.bigEndian(UInt64.self, at: table)) + 10)
        }
        try Tool.write(bytes, to: image)
        try requireRefusal(image, .inputDamaged)
    }

    @Test func imagesInUse() throws {
        let image = directory.file("disk.raw")
        try Tool.check("truncate", ["-s", "1M", image])
        let other = try ImageCommit(DiskImageSource(path: image, format: .raw))
        try requireRefusal(image, .outputInUse, source: DiskImageSource(path: image, format: .raw))
        withExtendedLifetime(other) {}
    }
}
