import Foundation
import GuestDisk
import TestSupport
import Testing

@testable import XFSFilesystem

/// Filesystems of version 4, which today's kernels no longer mount: mkfs.xfs fills them, xfs_db sets attributes, xfs_repair
/// and GRUB's reader judge.
@Suite(.enabled(if: Capabilities.has("mkfs.xfs") && Capabilities.has("xfs_db")))
struct Version4Tests {
    static let variants = [
        "-m crc=0", "-m crc=0 -n ftype=0", "-m crc=0 -n ftype=1", "-m crc=0 -b size=512",
        "-m crc=0 -i size=256 -b size=1024",
        "-m crc=0 -i size=2048 -n size=16384", "-m crc=0 -n size=65536 -b size=1024", "-m crc=0 -l version=1",
        "-m crc=0 -i projid32bit=0",
    ]

    /// The files of an image, with their contents, and directories with how many entries they have.
    private static let files = [("empty", 0), ("small", 100), ("large", 300_001)]
    private static let directories = [("none", 0), ("short", 3), ("block", 20), ("leaf", 150), ("node", 900)]

    /// - Parameter entries: at most so many in a directory.
    static func image(_ options: String, entries: Int = .max) throws -> XFSImage {
        let directory = try TemporaryDirectory()
        var text = "/\n0 0\nd--755 3 4\n"
        for (name, count) in files {
            text += "\(name) ---640 1000 100 \(try directory.write(AwkwardTree.bytes(count), to: name))\n"
        }
        for (name, count) in directories {
            text += "\(name) d--750 5 6\n"
            for index in 0..<min(count, entries) { text += "entry-\(index) l--777 0 0 target-\(index)\n" }
            text += "$\n"
        }
        text += "long l--777 0 0 \(String(repeating: "abcdefgh", count: 100))\n"
        text += "fifo p--600 0 0\ncharacter c--600 0 0 1 3\nblock-device b--600 0 0 8 1\nsetuid -u-755 0 0 "
        text += try directory.write([1], to: "setuid") + "\n$\n"
        let prototype = try directory.write(Array(text.utf8), to: "prototype")
        let image = try XFSImage(options.split(separator: " ").map(String.init) + ["-p", prototype])
        // xfs_db's values are all of the letter v.
        for (name, length) in [("one", 5), ("two", 100), ("three", 3000), ("four", 30_000)] {
            try image.edit(["path /small", "attr_set -u -v \(length) \(name)"])
        }
        try image.edit(["path /empty", "attr_set -s -v 3 selinux", "attr_set -r -v 4 root"])
        return image
    }

    @Test(arguments: variants)
    func treeIsWhatMkfsWasTold(_ options: String) throws {
        let image = try Self.image(options)
        let filesystem = try image.filesystem()
        #expect(filesystem.logState == .clean)
        #expect(!filesystem.volume.hasChecksums)
        let tree = try OurTree.read(filesystem)
        for (name, count) in Self.files {
            let record = tree[Array("/\(name)".utf8)]
            #expect(record?.content == AwkwardTree.bytes(count))
            #expect(record?.status.permissions == 0o640)
            #expect(record?.status.owner == 1000 && record?.status.group == 100)
        }
        for (name, count) in Self.directories {
            for index in 0..<count {
                #expect(tree[Array("/\(name)/entry-\(index)".utf8)]?.target == Array("target-\(index)".utf8))
            }
        }
        #expect(tree.count == 9 + Self.directories.reduce(0) { $0 + $1.1 + 1 })
        #expect(tree[Array("/long".utf8)]?.target.count == 800)
        #expect(tree[Array("/setuid".utf8)]?.status.permissions == 0o4755)
        #expect(tree[Array("/fifo".utf8)]?.status.kind == .fifo)
        let attributes = try #require(tree[Array("/small".utf8)]?.attributes)
        #expect(attributes.map(\.name) == ["user.four", "user.one", "user.three", "user.two"].map { Array($0.utf8) })
        #expect(attributes.map(\.value.count) == [30_000, 5, 3000, 100])
        #expect(attributes.allSatisfy { $0.value.allSatisfy { $0 == UInt8(ascii: "v") } })
        #expect(
            tree[Array("/empty".utf8)]?.attributes.map(\.name)
                == ["security.selinux", "trusted.root"].map { Array($0.utf8) })
    }

    @Test(arguments: ["-m crc=0", "-m crc=0 -b size=1024 -n ftype=0"])
    func overwrittenFileIsSound(_ options: String) throws {
        let image = try Self.image(options)
        let filesystem = try image.filesystem()
        #expect(filesystem.writability == .inPlace)
        let file = try #require(try filesystem.lookUp(Array("large".utf8), in: filesystem.root))
        let content = AwkwardTree.bytes(290_000, seed: 5)
        try filesystem.overwrite(file, with: content)
        #expect(try image.complaints() == "")
        #expect(try image.value("core.size", ["path /large"]) == "290000")
        if Capabilities.has("grub-fstest") {
            let copy = image.file("copy")
            try Tool.check("grub-fstest", [image.path, "cp", "(loop0)/large", copy])
            #expect(try contents(of: copy) == content)
        }
    }
}
