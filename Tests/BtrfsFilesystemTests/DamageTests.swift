import BtrfsFilesystem
import ByteLayout
import Foundation
import GuestDisk
import TestSupport
import Testing

@Suite(.enabled(if: Image.canFill)) struct DamageTests {
    private static let small = Result {
        let image = try Image("-M -n 4096", size: "16M")
        try image.fill(
            """
            import os, subprocess, sys
            os.chdir(sys.argv[1])
            os.makedirs('a/b')
            for i in range(60):
                with open('a/%d' % i, 'wb') as file: file.write(b'%d ' % i * i * 40)
                os.setxattr('a/%d' % i, 'user.x', b'x' * i)
            os.symlink('a/1', 'link')
            subprocess.run(['btrfs', 'subvolume', 'create', 'a/sub'], check=True, stdout=subprocess.DEVNULL)
            open('a/sub/file', 'w').write('content')
            """, options: "compress=lzo")
        return try contents(of: image.path)
    }

    /// Where nodes and the superblock are on the device: what bears the UUID where they do.
    private static func blocks(_ bytes: [UInt8]) -> [Int] {
        let fsid = bytes[65536 + 32..<65536 + 48]
        return stride(from: 65536, to: bytes.count - 4096, by: 4096).filter {
            bytes[$0 + 32..<$0 + 48].elementsEqual(fsid)
        }
    }

    private static func seal(_ bytes: inout [UInt8], _ block: Int) {
        bytes.storeLittleEndian(CRC32C.of(Array(bytes[block + 32..<block + 4096])), at: block)
    }

    private func exercise(_ device: any BlockDevice) -> Bool {
        guard let filesystem = try? BtrfsFilesystem(device: device) else { return false }
        for subvolume in filesystem.subvolumes {
            _ = try? FileListing(filesystem, below: subvolume.file, depth: 4, isSound: false)
        }
        for name in ["a", "link", "none"] { _ = try? filesystem.lookUp(Array(name.utf8), in: filesystem.root) }
        guard let directory = try? filesystem.lookUp(Array("a".utf8), in: filesystem.root) else { return true }
        for (name, count) in [("1", 90), ("5", 700), ("59", 59 * 40 * 3), ("58", 4000)] {
            guard let file = try? filesystem.lookUp(Array(name.utf8), in: directory) else { continue }
            _ = try? filesystem.overwrite(file, with: [UInt8](repeating: 7, count: count))
        }
        return true
    }

    @Test("Whatever is damaged, with sound checksums, reading ends, with a file or an error")
    func randomDamage() throws {
        let sound = try Self.small.get()
        let blocks = Self.blocks(sound)
        #expect(blocks.count > 8)
        var random = SeededGenerator(state: 2026)
        var opened = 0
        for _ in 0..<40 {
            let device = MemoryDevice(sound)
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let block = blocks[Int.random(in: 0..<blocks.count, using: &random)]
                // All but the UUID, without which it is nobody's.
                let used = (48..<4096).filter { sound[block + $0] != 0 }
                for _ in 0..<Int.random(in: 1...4, using: &random) {
                    let index = used[Int.random(in: 0..<used.count, using: &random)]
                    device.bytes[block + index] = UInt8.random(in: 0...255, using: &random)
                }
                Self.seal(&device.bytes, block)
            }
            if exercise(device) { opened += 1 }
        }
        #expect(opened > 10)
    }

    @Test("A node with a wrong checksum is an error, unless there is a copy") func checksums() throws {
        for (options, isRead) in [("-m single", false), ("-m dup", true)] {
            let image = try Image(options)
            try image.fill("import sys; open(sys.argv[1] + '/file', 'w').write('content')")
            let device = MemoryDevice(try contents(of: image.path))
            let output = try Tool.check("btrfs", ["inspect-internal", "dump-super", image.path])
            let root = try #require(
                output.split(separator: "\n").first { $0.hasPrefix("root\t") }?.split(separator: "\t").last)
            let map = try Tool.check("btrfs-map-logical", ["-l", String(root), "-b", "4096", image.path])
            let place = try #require(map.split(separator: "\n").first?.split(separator: " ").dropLast(2).last)
            device.bytes[try #require(Int(place)) + 200] ^= 1
            if isRead {
                let filesystem = try BtrfsFilesystem(device: device)
                #expect(try filesystem.lookUp(Array("file".utf8), in: filesystem.root) != nil)
            } else {
                #expect { _ = try BtrfsFilesystem(device: device) } throws: { ($0 as? GuestError)?.code == .damaged }
            }
        }
    }

    @Test("Content with a wrong checksum is an error, unless there is a copy") func dataChecksums() throws {
        for (options, isRead) in [("-d single", false), ("-d dup", true)] {
            let image = try Image(options, size: "256M")
            let content = (0..<60_000).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) }
            let source = try image.directory.write(content, to: "source")
            try image.mounted("loop") { try Tool.check("cp", [source, $0 + "/file"]) }
            let device = MemoryDevice(try contents(of: image.path))
            let needle = content[8192..<8256]
            let place = try #require(
                stride(from: 0, to: device.bytes.count, by: 4096).first {
                    device.bytes[$0] == needle.first && device.bytes[$0..<$0 + 64].elementsEqual(needle)
                })
            device.bytes[place + 1000] ^= 1
            let filesystem = try BtrfsFilesystem(device: device)
            let file = try #require(try filesystem.lookUp(Array("file".utf8), in: filesystem.root))
            if isRead {
                #expect(try filesystem.readAll(file, limit: 1 << 20) == content)
            } else {
                #expect {
                    try filesystem.readAll(file, limit: 1 << 20)
                } throws: { ($0 as? GuestError)?.code == .damaged }
                #expect(try filesystem.read(file, at: 0, count: 8000) == Array(content[..<8000]))
            }
        }
    }

    @Test("Content without a checksum is an error, unless the file is to have none") func missingChecksums() throws {
        let image = try Image("-M -n 4096", size: "16M")
        try image.fill(
            """
            import os, subprocess, sys
            os.chdir(sys.argv[1])
            open('free', 'w').close()
            subprocess.run(['chattr', '+C', 'free'], check=True)
            for name in ('checked', 'free'): open(name, 'w').write(name * 2000)
            """)
        var bytes = try contents(of: image.path)
        // The leaves of the tree of checksums lose their items.
        let leaves = Self.blocks(bytes).filter {
            $0 != 65536 && bytes.littleEndian(UInt64.self, at: $0 + 88) == 7 && bytes[$0 + 100] == 0
        }
        try #require(!leaves.isEmpty)
        for leaf in leaves {
            bytes.storeLittleEndian(UInt32(0), at: leaf + 96)
            Self.seal(&bytes, leaf)
        }
        try Tool.write(bytes, to: image.path)
        let filesystem = try image.open()
        func read(_ name: String) throws -> [UInt8] {
            let file = try #require(try filesystem.lookUp(Array(name.utf8), in: filesystem.root))
            return try filesystem.readAll(file, limit: 1 << 20)
        }
        try image.mounted("loop,ro") { mount in
            #expect(try Tool.run("cat", [mount + "/checked"]).status != 0)
            let free = try read("free")
            #expect(try Tool.check("cat", [mount + "/free"]) == String(decoding: free, as: UTF8.self))
        }
        #expect { try read("checked") } throws: { ($0 as? GuestError)?.code == .damaged }
    }

    @Test("Subvolumes that are nested too deeply are not listed, all others are") func deepSubvolumes() throws {
        let image = try Image("")
        let script = """
            import os, subprocess, sys
            os.chdir(sys.argv[1])
            def create(name): subprocess.run(['btrfs', 'subvolume', 'create', name], check=True, stdout=subprocess.DEVNULL)
            create('beside')
            for i in range(18):
                os.mkdir('d' * 250)
                os.chdir('d' * 250)
                if i in (3, 17): create('nested')
            os.chdir(sys.argv[1])
            for i in range(22):
                create('s' * 250)
                os.chdir('s' * 250)
            """
        try image.fill(script)
        let filesystem = try image.open()
        let names = filesystem.subvolumes.compactMap(\.name)
        #expect(names.contains("beside"))
        #expect(names.contains(String(repeating: String(repeating: "d", count: 250) + "/", count: 4) + "nested"))
        // 16 of 251 bytes each, less a slash, are in a path that can be mounted.
        #expect(names.filter { $0.hasPrefix("s") }.count == 16)
        #expect(names.allSatisfy { $0.utf8.count < 4096 })
        #expect(filesystem.warnings.count == 2, "\(filesystem.warnings)")
    }

    @Test("If the superblock is damaged, its copy is read") func superblockCopy() throws {
        let image = try Image("")
        try image.fill("import sys; open(sys.argv[1] + '/file', 'w').write('content')")
        let device = MemoryDevice(try contents(of: image.path))
        device.bytes[65536 + 100] ^= 1
        let filesystem = try BtrfsFilesystem(device: device)
        #expect(try filesystem.lookUp(Array("file".utf8), in: filesystem.root) != nil)
        device.bytes[(64 << 20) + 100] ^= 1
        #expect { _ = try BtrfsFilesystem(device: device) } throws: { ($0 as? GuestError)?.code == .damaged }
        #expect(try BtrfsFilesystem.recognises(device))
    }

    @Test("What can't be read is named") func unsupported() throws {
        let image = try Image("--csum blake2")
        #expect { _ = try image.open() } throws: {
            ($0 as? GuestError)?.code == .unsupported && "\($0)".contains("BLAKE2")
        }
        let directory = try TemporaryDirectory()
        let paths = ["1", "2"].map { directory.file($0) }
        try Tool.check("truncate", ["-s", "128M"] + paths)
        try Tool.check("mkfs.btrfs", ["-q", "-d", "raid1", "-m", "raid1"] + paths)
        #expect { _ = try BtrfsFilesystem(device: FileDevice(paths[0])) } throws: {
            ($0 as? GuestError)?.code == .unsupported && "\($0)".contains("2 devices")
        }
        let device = MemoryDevice(try Self.small.get())
        device.bytes[65536 + 189] |= 0x10
        Self.seal(&device.bytes, 65536)
        #expect { _ = try BtrfsFilesystem(device: device) } throws: {
            ($0 as? GuestError)?.code == .unsupported && "\($0)".contains("ZONED")
        }
        #expect(try !BtrfsFilesystem.recognises(MemoryDevice([UInt8](repeating: 0, count: 1 << 20))))
    }
}

/// The same numbers each time.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state ^ state >> 29
    }
}
