import BtrfsFilesystem
import Foundation
import GuestDisk
import TestSupport
import Testing

@Suite(.enabled(if: Image.canFill)) struct OverwritingTests {
    /// Files of their own, and files that share something or have other obstacles.
    private static let filling = #"""
        import os, random, subprocess, sys
        os.chdir(sys.argv[1])
        random.seed(7)

        def make(name, content, mode=0o640):
            with open(name, 'wb') as file:
                file.write(content)
            os.chmod(name, mode)
            os.utime(name, (1_600_000_000, 1_600_000_001))

        def run(*command):
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

        run('btrfs', 'subvolume', 'create', 'shared')
        make('shared/file', random.randbytes(20000))
        run('sync', '-f', '.')
        run('btrfs', 'subvolume', 'snapshot', '-r', 'shared', 'snapshot')
        run('btrfs', 'subvolume', 'create', 'own')
        os.chdir('own')
        for index in range(40):
            make('other-%d' % index, b'o' * 50 * index)
        for name, count in (('same', 150_000), ('shorter', 100_000), ('longer', 99_000), ('large', 600_000)):
            make(name, random.randbytes(count))
        open('nocow', 'w').close()
        run('chattr', '+C', 'nocow')
        make('nocow', random.randbytes(50_000))
        make('reflinked', random.randbytes(30000))
        run('cp', '--reflink=always', 'reflinked', 'reflink')
        make('compressed', b'text ' * 20000)
        run('btrfs', 'property', 'set', 'compressed', 'compression', 'zstd')
        make('compressed', b'text ' * 20000)
        with open('holes', 'wb') as file:
            file.seek(100_000)
            file.write(b'x' * 100_000)
        with open('reserved', 'wb') as file:
            os.posix_fallocate(file.fileno(), 0, 100_000)
        make('inline', b'short')
        open('packed', 'w').close()
        run('btrfs', 'property', 'set', 'packed', 'compression', 'zstd')
        make('packed', b'packed ' * 100)
        """#

    @Test(
        "Files are overwritten so that btrfs check and the kernel find all in order, and nothing else is changed",
        arguments: [
            "", "-n 4096 -m single", "--csum sha256", "--csum xxhash -n 65536", "-M", "-O ^no-holes,^skinny-metadata",
        ])
    func overwrites(options: String) throws {
        let image = try Image(options)
        try image.fill(Self.filling)
        var expected = try image.kernelListing("subvolid=5")
        let filesystem = try image.open()
        #expect(filesystem.writability == .inPlace)
        let pattern = (0..<4097).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) }
        for (name, count) in [
            ("same", 150_000), ("shorter", 99_500), ("longer", 101_000), ("nocow", 50_000), ("large", 600_000),
            ("inline", 5), ("other-1", 49), ("other-2", 1), ("other-3", 151), ("other-30", 1600), ("packed", 700),
        ] {
            let file = try file(filesystem, "own", name)
            let content = Array([[UInt8]](repeating: pattern, count: count / pattern.count + 1).joined().prefix(count))
            guard try filesystem.capacity(of: file) >= count else {
                // The leaf is full: how the kernel fills leaves depends on when it writes them.
                #expect(count < 2048)
                continue
            }
            try filesystem.overwrite(file, with: content)
            #expect(try filesystem.readAll(file, limit: .max) == content)
            let key = hexadecimal("./own/\(name)".utf8)
            var fields = try #require(expected[key]).split(separator: " ", omittingEmptySubsequences: false)
            fields[4] = "\(count)"
            fields[7] = Substring(checksum(content))
            expected[key] = fields.joined(separator: " ")
        }
        try filesystem.flush()
        let check = try Tool.run("btrfs", ["check", "--check-data-csum", image.path])
        #expect(check.status == 0, "\(check.output)\(check.error)")
        #expect(try FileListing.difference(expected, image.kernelListing("subvolid=5")) == "")
        // The kernel goes on from there, and finds every checksum right.
        try image.mounted("loop") { mount in
            try Tool.check("sh", ["-c", "echo more >> \(mount)/own/same && cp \(mount)/own/large \(mount)/own/copy"])
            let scrub = try Tool.run("btrfs", ["scrub", "start", "-B", mount])
            #expect(scrub.status == 0 && scrub.output.contains("no errors found"), "\(scrub.output)\(scrub.error)")
        }
        #expect(try Tool.run("btrfs", ["check", "--check-data-csum", image.path]).status == 0)
    }

    @Test("What shares blocks, or has none of its own, is not overwritten") func refusals() throws {
        let image = try Image("")
        try image.fill(Self.filling)
        let before = try contents(of: image.path)
        let filesystem = try image.open()
        for (directory, name, reason) in [
            ("own", "reflinked", "shares"), ("own", "reflink", "shares"), ("own", "compressed", "compressed"),
            ("own", "holes", "holes"), ("own", "reserved", "not written yet"), ("shared", "file", "shares"),
            ("snapshot", "file", "read-only"),
        ] {
            let file = try file(filesystem, directory, name)
            #expect("\(name)") {
                try filesystem.overwrite(file, with: filesystem.readAll(file, limit: .max))
            } throws: { ($0 as? GuestError)?.code == .unsupported && "\($0)".contains(reason) }
        }
        for (name, count) in [("same", 1), ("inline", 0), ("inline", 2049), ("other-0", 1)] {
            let file = try file(filesystem, "own", name)
            #expect("\(name)") {
                try filesystem.overwrite(file, with: [UInt8](repeating: 1, count: count))
            } throws: { ($0 as? GuestError)?.code == .unsupported }
        }
        #expect(try contents(of: image.path) == before)
    }

    private func file(_ filesystem: BtrfsFilesystem, _ directory: String, _ name: String) throws -> FileID {
        let directory = try #require(try filesystem.lookUp(Array(directory.utf8), in: filesystem.root))
        return try #require(try filesystem.lookUp(Array(name.utf8), in: directory))
    }
}
