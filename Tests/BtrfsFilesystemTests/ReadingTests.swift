import BtrfsFilesystem
import Foundation
import GuestDisk
import TestSupport
import Testing

@Suite(.enabled(if: Image.canFill)) struct ReadingTests {
    /// Ways to make a filesystem, and to fill it.
    static let variants = [
        ("", ""), ("-n 4096", "compress=zlib"), ("-n 65536 -m single", "compress-force=zstd"),
        ("--csum sha256 -m dup", "compress=lzo"), ("--csum xxhash", "compress-force=lzo"),
        ("-M", "compress-force=zlib"), ("-O ^no-holes,^extref,^skinny-metadata -R ^free-space-tree", "compress=zstd"),
        ("-M -n 4096", "max_inline=0,nodatacow"),
    ]

    @Test("Everything reads as the kernel reads it, subvolumes and snapshots too", arguments: variants)
    func reads(options: String, mountOptions: String) throws {
        let image = try Image(options)
        try image.fill(AwkwardTree.filling, options: mountOptions)
        let filesystem = try image.open()
        #expect(filesystem.warnings == [])
        try expectSame(filesystem, below: filesystem.root, image, "subvolid=5")
        #expect(try filesystem.subvolumes.compactMap(\.name).sorted() == paths(image))
        for name in ["@", "@/snapshot", "snapshot-of-@"] {
            let subvolume = try #require(filesystem.subvolumes.first { $0.name == name })
            try expectSame(filesystem, below: subvolume.file, image, "subvol=\(name)")
        }
    }

    private func expectSame(
        _ filesystem: BtrfsFilesystem, below top: FileID, _ image: Image, _ options: String
    ) throws {
        let ours = try FileListing(filesystem, below: top)
        #expect(try FileListing.difference(ours, image.kernelListing(options)) == "")
    }

    private func paths(_ image: Image) throws -> [String] {
        try image.mounted("loop,ro,subvolid=5") { mount in
            try Tool.check("btrfs", ["subvolume", "list", mount]).split(separator: "\n")
                .compactMap { $0.components(separatedBy: " path ").last }.sorted()
        }
    }

    @Test("The root is the default subvolume, and the top is there besides") func defaultSubvolume() throws {
        let image = try Image("-L LABEL")
        try image.fill(AwkwardTree.filling + "\nrun('btrfs', 'subvolume', 'set-default', '@')\n")
        let filesystem = try image.open()
        try expectSame(filesystem, below: filesystem.root, image, "")
        #expect(try filesystem.lookUp(Array("in-root".utf8), in: filesystem.root) != nil)
        #expect(filesystem.subvolumes.first == Subvolume(name: nil, file: filesystem.root))
        #expect(filesystem.subvolumes.contains(Subvolume(name: "@", file: filesystem.root)))
        let top = try #require(filesystem.subvolumes.first { $0.name == "" })
        try expectSame(filesystem, below: top.file, image, "subvolid=5")
        let tags = try Tool.check("blkid", ["-p", "-o", "export", image.path])
        #expect(tags.contains("\nUUID=\(filesystem.identity.uuid ?? "")\n"))
        #expect(tags.contains("LABEL=\(filesystem.identity.label ?? "")\n"))
        #expect(tags.contains("TYPE=\(filesystem.identity.type)\n"))
    }

    @Test("Parts of files are what the whole has there") func parts() throws {
        let image = try Image("")
        try image.fill(AwkwardTree.filling, options: "compress=zstd")
        let filesystem = try image.open()
        for name in ["holes", "overwritten", "reflink", "reserved", "text-100", "runs"] {
            let file = try #require(try filesystem.lookUp(Array(name.utf8), in: filesystem.root))
            let whole = try filesystem.readAll(file, limit: 1 << 24)
            for offset in stride(from: 0, to: whole.count + 5000, by: 12345) {
                let part = try filesystem.read(file, at: UInt64(offset), count: 5001)
                #expect(part == Array(whole.dropFirst(offset).prefix(5001)))
            }
        }
    }

    @Test("A directory of thousands of files is read and looked up in") func manyFiles() throws {
        let image = try Image("-n 4096")
        try image.fill("import os, sys\nfor i in range(5000): open(sys.argv[1] + '/file %d' % i, 'w')")
        let filesystem = try image.open()
        var names: Set<[UInt8]> = []
        try filesystem.forEachEntry(of: filesystem.root) { name, _ in names.insert(name).inserted }
        #expect(names == Set((0..<5000).map { Array("file \($0)".utf8) }))
        #expect(try filesystem.lookUp(Array("file 4999".utf8), in: filesystem.root) != nil)
        #expect(try filesystem.lookUp(Array("file 5000".utf8), in: filesystem.root) == nil)
    }

    @Test("A filesystem in use is opened, with a warning if files were flushed that only its log has")
    func log() throws {
        let image = try Image("")
        let script = """
            import os, subprocess, sys
            path = sys.argv[1] + '/file'
            with open(path, 'w') as file: file.write('old')
            subprocess.run(['sync', '-f', path], check=True)
            with open(path, 'w') as file:
                file.write('new')
                file.flush()
                os.fsync(file.fileno())
            """
        let copy = image.directory.file("copy")
        try image.mounted("loop,commit=300") { mount in
            // What writes back all filesystems, as sfdisk does in other tests, empties the log.
            for _ in 0..<50 {
                try Tool.check("python3", ["-c", script, mount])
                try Tool.check("cp", ["--sparse=always", image.path, copy])
                let superblock = try Tool.check("btrfs", ["inspect-internal", "dump-super", copy])
                if superblock.contains(/log_root\s+[1-9]/) { break }
            }
        }
        let filesystem = try BtrfsFilesystem(device: FileDevice(copy))
        #expect(filesystem.warnings.count == 1)
        #expect(filesystem.writability == .none)
        let file = try #require(try filesystem.lookUp(Array("file".utf8), in: filesystem.root))
        #expect(try filesystem.readAll(file, limit: 10) == Array("old".utf8))
        #expect(try image.open().warnings == [])
    }
}
