import Foundation
import GuestDisk
import TestSupport
import Testing

@testable import XFSFilesystem

/// Whether the log has something to replay is what xfs_logprint says.
@Suite(.enabled(if: Capabilities.canMount && Capabilities.has("mkfs.xfs") && Capabilities.has("xfs_logprint")))
struct LogTests {
    static func isClean(_ image: XFSImage) throws -> Bool {
        try Tool.run("xfs_logprint", ["-t", image.path]).output.contains("state: <CLEAN>")
    }

    /// Changes enough to go some way around a small log.
    private static func change(_ mount: String, _ round: Int) throws {
        let directory = "\(mount)/\(round)"
        let links = (0..<150).map { "\(directory)/\($0)" }
        guard mkdir(directory, 0o755) == 0, links.allSatisfy({ symlink("target", $0) == 0 }) else {
            throw POSIXError(.EIO)
        }
        try Tool.check("sync", ["-f", mount])
        guard links.allSatisfy({ unlink($0) == 0 }), rmdir(directory) == 0 else { throw POSIXError(.EIO) }
    }

    @Test(arguments: ["-l size=6m", "-l size=6m,su=32k", "-l size=6m -b size=1024", "-m bigtime=0"])
    func stateIsWhatLogprintSays(_ options: String) throws {
        let image = try XFSImage(options.split(separator: " ").map(String.init))
        #expect(try image.filesystem().logState == .clean)
        var copies: [XFSImage] = []
        for stage in 0..<2 {
            try image.mounted { mount in
                for round in 0..<6 {
                    try Self.change(mount, round)
                    if round % 2 == stage {
                        try Tool.check("sync", ["-f", mount])
                        copies.append(try image.copy())
                    }
                }
            }
            #expect(try Self.isClean(image))
            #expect(try image.filesystem().logState == .clean)
        }
        for copy in copies {
            #expect(try !Self.isClean(copy))
            let filesystem = try copy.filesystem()
            guard case .dirty = filesystem.logState else {
                Issue.record("the log of a mounted filesystem is clean")
                continue
            }
            #expect(filesystem.writability == .none)
            #expect(filesystem.whyNotWritable?.code == .unclean)
        }
    }

    /// As the logs of real machines: most of the ring is of the cycle before, and the last record may be at its very end.
    @Test func stateOfALogThatWasGoneThroughSeveralTimes() throws {
        let image = try XFSImage(["-l", "size=6m"])
        var heads: [UInt64] = []
        for stage in 0..<12 {
            var copy: XFSImage?
            try image.mounted { mount in
                for round in 0..<12 { try Self.change(mount, round) }
                if stage % 3 == 0 { copy = try image.copy() }
            }
            #expect(try Self.isClean(image))
            #expect(try image.filesystem().logState == .clean)
            heads.append(try Self.head(image))
            if let copy { #expect(try Self.isClean(copy) == (copy.filesystem().logState == .clean)) }
        }
        // The head has come back to the beginning.
        #expect(zip(heads, heads.dropFirst()).contains { $0 > $1 })
    }

    /// The log is written anew, as of a later cycle.
    @Test(arguments: [2, 7])
    func stateOfAFormattedLog(_ cycle: Int) throws {
        let image = try XFSImage([])
        try image.edit(["logformat -c \(cycle)"])
        #expect(try Self.isClean(image))
        #expect(try image.filesystem().logState == .clean)
        try image.mounted { try Self.change($0, 0) }
        #expect(try Self.isClean(image))
        #expect(try image.filesystem().logState == .clean)
    }

    /// The block that would be written next, as xfs_logprint says.
    private static func head(_ image: XFSImage) throws -> UInt64 {
        let text = try Tool.check("xfs_logprint", ["-t", image.path])
        return try #require(text.firstMatch(of: /head: (\d+)/).flatMap { UInt64($0.1) })
    }

    /// Without its last blocks, or with older ones in between, a log is not clean though it was.
    @Test func stateAfterShutdown() throws {
        let image = try XFSImage(["-l", "size=6m"])
        try image.mounted { mount in
            try Self.change(mount, 0)
            try Tool.check("touch", ["\(mount)/file"])
            try Tool.check("xfs_io", ["-x", "-c", "shutdown -f", mount])
        }
        #expect(try !Self.isClean(image))
        let filesystem = try image.filesystem()
        #expect(filesystem.whyNotWritable?.code == .unclean)
        // Nothing is written.
        let before = try contents(of: image.path)
        let file = try filesystem.lookUp(Array("file".utf8), in: filesystem.root)
        if let file { #expect(throws: GuestError.self) { try filesystem.overwrite(file, with: []) } }
        #expect(try contents(of: image.path) == before)
        // Once replayed, by the kernel, it is clean.
        try image.mounted { _ in }
        #expect(try image.filesystem().logState == .clean)
        #expect(try Self.isClean(image))
    }

    /// Each block of a clean log's end, made to be of an earlier cycle or garbage.
    @Test func damagedEndIsNotClean() throws {
        let image = try XFSImage(["-l", "size=6m"])
        try image.mounted { try Self.change($0, 0) }
        let filesystem = try image.filesystem()
        guard case .internal(let range) = filesystem.volume.superblock.log else { return }
        let device = try FileDevice(image.path)
        let head = try Self.head(image)
        for block in [head - 2, head - 1] {
            let place = range.lowerBound + block * 512
            let before = try device.read(at: place, count: 512)
            try device.write([UInt8](repeating: 0, count: 512), at: place)
            #expect(try XFSFilesystem(device: device).logState != .clean)
            try device.write(before, at: place)
        }
        #expect(try XFSFilesystem(device: device).logState == .clean)
    }
}
