import Foundation
import GuestDisk
import TestSupport
import Testing

@testable import XFSFilesystem

/// Files that were overwritten are what the kernel shows then, all others are as they were, and xfs_repair is content.
@Suite(.enabled(if: Capabilities.canMount && Capabilities.has("mkfs.xfs") && Capabilities.has("xfs_io")))
struct OverwritingTests {
    static let variants = ["", "-b size=1024 -i nrext64=1", "-m rmapbt=1,bigtime=0", "-m reflink=0 -s size=4096"]

    private static func filledImage(_ options: String) throws -> XFSImage {
        let image = try XFSImage(options.split(separator: " ").map(String.init))
        let blockSize = Int(try image.value("blocksize", ["sb 0"])) ?? 4096
        try image.mounted { mount in
            try AwkwardTree(root: mount, blockSize: blockSize, entries: 100).make()
            try Tool.check("cp", ["--reflink=never", mount + "/size 700001", mount + "/immutable"])
            try Tool.check("xfs_io", ["-c", "chattr +i", mount + "/immutable"])
        }
        return image
    }

    private static func find(_ name: String, _ filesystem: XFSFilesystem) throws -> FileID {
        try #require(try filesystem.lookUp(Array(name.utf8), in: filesystem.root))
    }

    @Test(arguments: variants)
    func onlyTheFileChanges(_ options: String) throws {
        let image = try Self.filledImage(options)
        let filesystem = try image.filesystem()
        let blockSize = filesystem.volume.geometry.blockSize
        var expected = try image.kernelTree()
        let room = (700_001 + blockSize - 1) / blockSize * blockSize
        // Larger within the last block, of one block less, of a few bytes, nothing, the same size, one more byte.
        for (name, count) in [
            ("size 700001", room), ("immutable", 700_001 - 2 * blockSize), ("size 1", 17),
            ("size \(blockSize)", 0), ("size \(blockSize + 1)", blockSize + 1), ("size \(blockSize - 1)", blockSize),
            ("fragmented", 100), ("times", 0),
        ] {
            let file = try Self.find(name, filesystem)
            let content = AwkwardTree.bytes(count, seed: 99)
            #expect(try filesystem.capacity(of: file) >= count)
            try filesystem.overwrite(file, with: content)
            #expect(try filesystem.readAll(file, limit: 1 << 20) == content)
            let path = Array("/\(name)".utf8)
            expected[path]?.content = content
            expected[path]?.status.size = UInt64(count)
        }
        #expect(try image.complaints() == "")
        #expect(differences(try image.kernelTree(), expected) == [])
        #expect(differences(try OurTree.read(try image.filesystem()), expected) == [])
        // The kernel frees what is behind the end, or goes on with it; either way what it makes of it is sound.
        try image.mounted { mount in
            try Tool.check("sh", ["-c", "echo more >> '\(mount)/size 700001'; truncate -s 400000 '\(mount)/size 1'"])
        }
        #expect(try image.complaints() == "")
        let grown = try image.kernelTree()[Array("/size 1".utf8)]?.content
        #expect(grown == AwkwardTree.bytes(17, seed: 99) + [UInt8](repeating: 0, count: 400_000 - 17))
    }

    @Test func whatHasNoBlocksIsNoRoom() throws {
        let image = try Self.filledImage("")
        let filesystem = try image.filesystem()
        let before = try contents(of: image.path)
        // A hole, blocks that were never written, a hole behind the first block, nothing, the room of one block.
        for (name, capacity) in [
            ("only a hole", 0), ("allocated", 0), ("holes", 0), ("fragmented", 4096), ("size 0", 0), ("size 1", 4096),
        ] {
            let file = try Self.find(name, filesystem)
            #expect(try filesystem.capacity(of: file) == UInt64(capacity), "\(name)")
            #expect(throws: GuestError.self) {
                try filesystem.overwrite(file, with: [UInt8](repeating: 1, count: capacity + 1))
            }
        }
        #expect(try contents(of: image.path) == before)
    }

    @Test func sharedFilesAreRefused() throws {
        let image = try Self.filledImage("")
        try image.mounted { mount in
            try Tool.check("cp", ["--reflink=always", mount + "/size 700001", mount + "/shared"])
            try Tool.check("cp", ["--reflink=always", mount + "/immutable", mount + "/partly"])
            // All but a few blocks are copied when they are written.
            try Tool.check("xfs_io", ["-c", "pwrite -q 0 600000", mount + "/partly"])
            try Tool.check("cp", ["--reflink=always", mount + "/size 4097", mount + "/no longer shared"])
            try Tool.check("rm", [mount + "/size 4097"])
        }
        let filesystem = try image.filesystem()
        let before = try contents(of: image.path)
        for name in ["shared", "size 700001", "immutable", "partly"] {
            let file = try Self.find(name, filesystem)
            let capacity = #expect(throws: GuestError.self) { try filesystem.capacity(of: file) }
            #expect(capacity?.code == .unsupported)
            let overwrite = #expect(throws: GuestError.self) {
                try filesystem.overwrite(file, with: [UInt8](repeating: 1, count: 700_001))
            }
            #expect(overwrite?.code == .unsupported)
        }
        #expect(try contents(of: image.path) == before)
        let alone = try Self.find("no longer shared", filesystem)
        #expect(try filesystem.capacity(of: alone) == 8192)
        try filesystem.overwrite(alone, with: [1, 2, 3])
        #expect(try image.complaints() == "")
    }

    @Test func nothingIsMadeOrRemoved() throws {
        let filesystem = try XFSImage([]).filesystem()
        let name = Array("name".utf8)
        let file = NewFile(.regular([]), permissions: 0o644, modified: 0)
        #expect(throws: GuestError.self) { try filesystem.create(name, in: filesystem.root, file) }
        #expect(throws: GuestError.self) { try filesystem.remove(name, in: filesystem.root) }
    }
}
