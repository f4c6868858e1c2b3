import ByteLayout
import ExtFilesystem
import Foundation
import GuestDisk
import TestSupport
import Testing

@Suite struct DamageTests {
    @Test("A wrong checksum of an inode only keeps that file from being read")
    func inodeChecksum() throws {
        let image = try Image("-t ext4", size: "4M", filled: false)
        let source = try image.directory.write(Changes.content(100), to: "source")
        try image.debug("write \(source) good", "write \(source) bad")
        let place = try Tool.check("debugfs", ["-R", "imap bad", image.path])
        let match = try #require(place.firstMatch(of: #/block (\d+), offset 0x([0-9a-f]+)/#))
        let offset = try #require(Int(match.1)) * 1024 + #require(Int(match.2, radix: 16))
        let device = MemoryDevice(try contents(of: image.path))
        device.bytes[offset + 2] ^= 1
        let filesystem = try ExtFilesystem(device: device)
        #expect(try filesystem.readAll(filesystem.file("good"), limit: 1000) == Changes.content(100))
        let bad = try filesystem.file("bad")
        #expect { try filesystem.status(of: bad) } throws: { ($0 as? GuestError)?.code == .damaged }
    }

    @Test("An error of the disk comes out as it was")
    func diskError() throws {
        let image = try Image("-t ext4 -b 1024", size: "4M", filled: false)
        let source = try image.directory.write(Changes.content(100_000), to: "source")
        try image.debug("write \(source) file")
        let device = MemoryDevice(try contents(of: image.path))
        let filesystem = try ExtFilesystem(device: device)
        let file = try filesystem.file("file")
        device.unreadable = 0..<device.size
        #expect(throws: MemoryDevice.error) { try filesystem.read(file, at: 0, count: 10) }
        #expect(throws: MemoryDevice.error) { try filesystem.lookUp([0x61], in: filesystem.root) }
        #expect(throws: MemoryDevice.error) { try filesystem.overwrite(file, with: [1]) }
        #expect(throws: MemoryDevice.error) { try ExtFilesystem(device: device) }
    }

    @Test("Impossible superblocks and unknown features are refused")
    func superblocks() throws {
        let image = try Image("-t ext4 -O ^metadata_csum", size: "4M", filled: false)
        let original = try contents(of: image.path)
        let damages: [(offset: Int, value: UInt32, code: GuestError.Code)] = [
            (0, 7, .damaged), (4, 1_000_000, .damaged), (20, 50, .damaged), (24, 40, .damaged), (32, 0, .damaged),
            (32, 1 << 20, .damaged), (40, 0, .damaged), (88, 3, .damaged), (96, 0x1000, .unsupported),
            (96, 0x80_0000, .unsupported), (76, 9, .unsupported), (56, 0, .damaged), (254, 8, .damaged),
        ]
        for damage in damages {
            let device = MemoryDevice(original)
            device.bytes.storeLittleEndian(damage.value, at: 1024 + damage.offset)
            #expect("\(damage.offset)") { try ExtFilesystem(device: device) } throws: {
                ($0 as? GuestError)?.code == damage.code
            }
        }
        let device = MemoryDevice(original)
        device.bytes.storeLittleEndian(UInt32(0x80_0042), at: 1024 + 96)
        let error = #expect(throws: GuestError.self) { try ExtFilesystem(device: device) }
        #expect(error?.message.contains("FEATURE_I23") == true)
        #expect(try ExtFilesystem.recognises(MemoryDevice(original)))
        #expect(try !ExtFilesystem.recognises(MemoryDevice([UInt8](repeating: 0, count: 4096))))
    }

    @Test(
        "Damaged metadata is refused or read, and never crashes",
        arguments: [
            "-t ext4 -O ^metadata_csum", "-t ext2 -b 1024", "-t ext4 -O inline_data,^metadata_csum",
        ])
    func flips(options: String) throws {
        let image = try Image(options + " -N 64", size: "2M", filled: false)
        let content = Changes.content(90_000)
        let source = try image.directory.write(content, to: "source")
        try image.debug(
            "write \(source) file", "mkdir sub", "symlink link \(String(repeating: "l", count: 100))",
            "ea_set file user.name value", "cd sub", "write \(source) inner")
        let original = try contents(of: image.path)
        var random = SeededGenerator(state: 1)
        // What isn't zero and isn't the content of a file: metadata.
        func blocks(_ bytes: [UInt8]) -> [ArraySlice<UInt8>] {
            stride(from: 0, to: bytes.count, by: 1024).map { bytes[$0..<min($0 + 1024, bytes.count)] }
        }
        let contents = Set(blocks(content))
        let places = blocks(original).filter { !contents.contains($0) }.flatMap { block in
            block.indices.filter { block[$0] != 0 }
        }
        var refused = 0
        for _ in 0..<150 {
            let device = MemoryDevice(original)
            for _ in 0..<4 {
                let place = places[Int(random.next() % UInt64(places.count))]
                device.bytes[place] = random.next() % 2 == 0 ? 0xFF : UInt8(truncatingIfNeeded: random.next())
            }
            do {
                let filesystem = try ExtFilesystem(device: device)
                try? walk(filesystem, filesystem.root, depth: 0)
                try filesystem.overwrite(filesystem.file("sub/inner"), with: Changes.content(120_000))
                try filesystem.overwrite(filesystem.file("file"), with: Changes.content(10))
                let new = NewFile(
                    .regular(Changes.content(5000)), permissions: 0o600, modified: 5,
                    attributes: [ExtendedAttribute(name: "user.x", value: [1, 2])])
                _ = try filesystem.create(Array("new".utf8), in: filesystem.file("sub"), new)
                try filesystem.remove(Array("inner".utf8), in: filesystem.file("sub"))
                try filesystem.flush()
            } catch is GuestError {
                refused += 1
            }
        }
        #expect((1..<150).contains(refused))
    }

    private func walk(_ filesystem: ExtFilesystem, _ directory: FileID, depth: Int) throws {
        guard depth < 4 else { return }
        try filesystem.forEachEntry(of: directory) { (_, file) throws(GuestError) in
            do throws(GuestError) {
                _ = try filesystem.extendedAttributes(of: file)
                switch try filesystem.status(of: file).kind {
                case .regular: _ = try filesystem.readAll(file, limit: 1 << 24)
                case .symbolicLink: _ = try filesystem.readLink(file)
                case .directory: try? self.walk(filesystem, file, depth: depth + 1)
                default: break
                }
            } catch {
                #expect(error.code != .disk)
            }
            return true
        }
    }
}

/// Numbers that are the same each time: xorshift.
struct SeededGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }
}
