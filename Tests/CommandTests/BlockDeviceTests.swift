import Foundation
import TestSupport
import Testing

/// Disks on devices: logical volumes, LUNs. A loop device is one to the kernel.
@Suite(.enabled(if: Capabilities.canMount, "needs root and loop devices"), .serialized) struct BlockDeviceTests {
    let directory: TemporaryDirectory
    let raw: String
    let size: Int

    init() throws {
        directory = try TemporaryDirectory()
        let bytes = DiskContent.mixed.bytes()
        size = bytes.count
        raw = try directory.write(bytes, to: "disk.raw")
    }

    /// A loop device of `size` bytes with old content.
    private func withDevice(size: Int, _ body: (String) throws -> Void) throws {
        let backing = try directory.write([UInt8](repeating: 0xAB, count: size), to: "backing")
        let device = try Tool.check("losetup", ["--find", "--show", backing]).trimmingCharacters(
            in: .whitespacesAndNewlines)
        defer { _ = try? Tool.run("losetup", ["--detach", device]) }
        try body(device)
    }

    private func prefix(of device: String, _ count: Int) throws -> [UInt8] {
        let handle = try FileHandle(forReadingFrom: URL(filePath: device))
        defer { try? handle.close() }
        return [UInt8](try handle.read(upToCount: count) ?? Data())
    }

    @Test func readsADevice() throws {
        try withDevice(size: size) { (device: String) throws -> Void in
            try Tool.check("qemu-img", ["convert", "-n", "-f", "raw", "-O", "raw", raw, device])
            try Tool.check(Tool.converter, ["-q", device, directory.file("out.qcow2")])
            try QEMU.requireIdentical(raw, directory.file("out.qcow2"), format: "qcow2")
        }
    }

    @Test(arguments: [[], ["--io", "sync"], ["-S", "0"], ["--buffered"]])
    func writesADeviceInPlaceZerosIncluded(options: [String]) throws {
        try withDevice(size: size + 512 * 77) { (device: String) throws -> Void in
            try Tool.check(Tool.converter, ["-q", "-n", "-O", "raw"] + options + [raw, device])
            let written = try prefix(of: device, size + 512 * 77)
            #expect(Array(written[..<size]) == DiskContent.mixed.bytes())
            #expect(written[size...].allSatisfy { $0 == 0xAB })
        }
    }

    @Test func refusesADeviceThatIsTooSmallOrNotMeantToBeWritten() throws {
        try withDevice(size: size - 512) { (device: String) throws -> Void in
            #expect(try Tool.run(Tool.converter, ["-n", "-O", "raw", raw, device]).status == 21)
            #expect(try Tool.run(Tool.converter, ["-O", "raw", raw, device]).status == 20)
            #expect(try prefix(of: device, 4096).allSatisfy { $0 == 0xAB })
        }
    }

    @Test func refusesTheDeviceItReads() throws {
        try withDevice(size: size) { (device: String) throws -> Void in
            #expect(try Tool.run(Tool.converter, ["-n", "-O", "raw", device, device]).status == 20)
        }
    }
}
