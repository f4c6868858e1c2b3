import ExtFilesystem
import Foundation
import GuestDisk
import TestSupport
import Testing

@Suite struct WritingTests {
    @Test("The same changes to the same image give the same bytes", arguments: ["-t ext4", "-t ext3 -b 1024"])
    func isDeterministic(options: String) throws {
        let image = try Image(options)
        let copy = try Image(copying: image)
        let before = try FileListing(image.open())
        for image in [image, copy] {
            let filesystem = try image.open()
            _ = try Changes.make(filesystem, before)
            try filesystem.flush()
            // Until the clock shows another second.
            if image.path != copy.path { usleep(1_100_000) }
        }
        #expect(try Tool.run("cmp", [image.path, copy.path]).status == 0)
    }

    @Test("A full filesystem is said to be full before anything is changed", arguments: ["-t ext4", "-t ext2 -b 1024"])
    func noSpace(options: String) throws {
        let image = try Image(options, size: "8M", filled: false)
        let filesystem = try image.open()
        var made = 0
        let error = #expect(throws: GuestError.self) {
            while made < 100 {
                let file = NewFile(.regular(Changes.content(300_000)), permissions: 0o644, modified: 1)
                _ = try filesystem.create(Array("file-\(made)".utf8), in: filesystem.root, file)
                made += 1
            }
        }
        #expect(error?.code == .noSpace)
        #expect((10..<30).contains(made))
        #expect { try filesystem.overwrite(filesystem.file("file-0"), with: Changes.content(2_000_000)) } throws: {
            ($0 as? GuestError)?.code == .noSpace
        }
        // What was made is sound, and there is room again when some of it is gone.
        for number in 0..<5 { try filesystem.remove(Array("file-\(number)".utf8), in: filesystem.root) }
        try filesystem.overwrite(filesystem.file("file-9"), with: Changes.content(1_000_000))
        try filesystem.flush()
        #expect(try image.complaints() == nil)
        #expect(checksum(try image.dump("/file-9")) == checksum(Changes.content(1_000_000)))
    }

    @Test("What was not flushed is not on the disk; what was not changed is not written")
    func flushes() throws {
        let image = try Image("-t ext4", filled: false)
        let before = try contents(of: image.path)
        let filesystem = try image.open()
        _ = try FileListing(filesystem)
        try filesystem.flush()
        let isSame = same(try contents(of: image.path), before)
        #expect(isSame)
    }

    @Test("Blocks that are only reserved read as zeros and can be written", arguments: ["-t ext4 -b 4096"])
    func reservedBlocks(options: String) throws {
        let image = try Image(options, size: "8M", filled: false)
        let source = try image.directory.write(Changes.content(10_000), to: "source")
        try image.debug("write \(source) file", "fallocate file 3 40", "sif file size 160000")
        let filesystem = try image.open()
        let file = try filesystem.file("file")
        let expected = Changes.content(10_000) + [UInt8](repeating: 0, count: 150_000)
        #expect(same(try filesystem.readAll(file, limit: .max), expected))
        #expect(same(try filesystem.read(file, at: 9_990, count: 20), Array(expected[9_990..<10_010])))
        #expect(try filesystem.capacity(of: file) == 12_288)
        try filesystem.overwrite(file, with: Changes.content(120_000))
        try filesystem.flush()
        #expect(try image.complaints() == nil)
        #expect(same(try image.dump("/file"), Changes.content(120_000)))
    }

    @Test("Filesystems with errors, unmounted ones without a journal, and unknown features are not written to")
    func writability() throws {
        for (command, expected) in [
            ("ssv state 3", Writability.none), ("ssv state 0", .none), ("ssv feature_ro_compat 0x20000", .none),
            ("ssv feature_ro_compat 0x4000", .none), ("ssv state 1", .full), ("feature quota", .inPlace),
        ] {
            let image = try Image("-t ext4 -O ^metadata_csum", size: "4M", filled: false)
            try image.debug(command)
            let filesystem = try image.open()
            #expect(filesystem.writability == expected, "\(command)")
            guard expected != .full else { continue }
            let file = NewFile(.regular([]), permissions: 0o644, modified: 1)
            #expect { try filesystem.create([0x61], in: filesystem.root, file) } throws: {
                ($0 as? GuestError)?.code == .unsupported
            }
        }
    }
}

extension Image {
    /// The content of a file, by debugfs.
    func dump(_ path: String) throws -> [UInt8] {
        let output = directory.file("dump")
        try Tool.check("debugfs", ["-R", "dump \(path) \(output)", self.path])
        return try contents(of: output)
    }
}
