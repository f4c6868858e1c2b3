import GuestDisk
import TestSupport
import Testing

@testable import XFSFilesystem

/// What can't be handled is said to be so.
@Suite(.enabled(if: Capabilities.has("mkfs.xfs") && Capabilities.has("xfs_db")))
struct RefusalTests {
    private func problem(_ commands: [String], options: [String] = []) throws -> GuestError? {
        let image = try XFSImage(options)
        try image.edit(["sb 0"] + commands)
        do {
            _ = try image.filesystem()
            return nil
        } catch let error as GuestError {
            return error
        }
    }

    @Test func unknownFeaturesAreNamed() throws {
        let error = try #require(try problem(["write -d features_incompat 0x4000000b"]))
        #expect(error.code == .unsupported)
        #expect(error.message.contains("0x40000000"))
    }

    @Test func needsRepairIsDamaged() throws {
        #expect(try problem(["write features_incompat 0x1b"])?.code == .damaged)
    }

    @Test func unfinishedIsDamaged() throws {
        #expect(try problem(["write inprogress 1"])?.code == .damaged)
    }

    @Test func largerThanDeviceIsDamaged() throws {
        let image = try XFSImage([])
        try Tool.check("truncate", ["-s", "-1M", image.path])
        let error = #expect(throws: GuestError.self) { try image.filesystem() }
        #expect(error?.code == .damaged)
    }

    @Test func unknownReadOnlyFeaturesAllowReading() throws {
        let image = try XFSImage([])
        try image.edit(["sb 0", "write -d features_ro_compat 0x1000000d"])
        let filesystem = try image.filesystem()
        #expect(filesystem.writability == .none)
        #expect(filesystem.whyNotWritable?.code == .unsupported)
        #expect(try filesystem.status(of: filesystem.root).kind == .directory)
    }

    @Test func externalLogAllowsReading() throws {
        let directory = try TemporaryDirectory()
        try Tool.check("truncate", ["-s", "64M", directory.file("log")])
        let image = try XFSImage(["-l", "logdev=" + directory.file("log")])
        let filesystem = try image.filesystem()
        #expect(filesystem.logState == .external)
        #expect(filesystem.writability == .none)
        #expect(try filesystem.status(of: filesystem.root).kind == .directory)
    }

    @Test func otherDevicesAreNotRecognised() throws {
        let directory = try TemporaryDirectory()
        let path = try directory.write([UInt8](repeating: 7, count: 3), to: "short")
        #expect(try !XFSFilesystem.recognises(FileDevice(path)))
        let image = try XFSImage([])
        #expect(try XFSFilesystem.recognises(FileDevice(image.path)))
    }
}
