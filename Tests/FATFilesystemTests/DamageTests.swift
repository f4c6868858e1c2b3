import FATFilesystem
import Foundation
import GuestDisk
import TestSupport
import Testing

@Suite(.enabled(if: Image.hasTools)) struct DamageTests {
    @Test(
        "Whatever is damaged, reading and writing end, with a file or an error",
        arguments: ["-F 12 -s 1", "-F 16 -s 1", "-F 32 -s 1"])
    func randomDamage(options: String) throws {
        let size = options.contains("32") ? "34M" : options.contains("16") ? "4M" : "2000K"
        let image = try Image(options, size: size, tree: try AwkwardTree.shared.get().path)
        let sound = try contents(of: image.path)
        // What is not zero in the front: boot sector, tables, directories.
        let used = (0..<min(sound.count, 1 << 20)).filter { sound[$0] != 0 }
        var random = SeededGenerator(state: 2026)
        var opened = 0
        for _ in 0..<30 {
            let device = MemoryDevice(sound)
            for _ in 0..<Int.random(in: 1...12, using: &random) {
                let place = Int.random(in: 0..<8, using: &random) == 0 ? Int.random(in: 11..<96, using: &random) : nil
                let index = place ?? used[Int.random(in: 0..<used.count, using: &random)]
                device.bytes[index] = UInt8.random(in: 0...255, using: &random)
            }
            guard let filesystem = try? FATFilesystem(device: device) else { continue }
            opened += 1
            _ = try? listing(filesystem)
            for path in ["EFI/debian/grub.cfg", "lower.txt"] {
                _ = try? filesystem.overwrite(filesystem.file(path), with: bytes(3000))
                _ = try? filesystem.remove(Array(path.utf8), in: filesystem.root)
            }
            let new = NewFile(.regular(bytes(100)), permissions: 0o644, modified: 0)
            _ = try? filesystem.create(Array("a new file".utf8), in: filesystem.file("many"), new)
        }
        #expect(opened > 5)
    }

    @Test("A chain of clusters that leads back is an error") func loop() throws {
        let image = try Image("-F 16 -s 1", size: "4M", tree: try AwkwardTree.shared.get().path)
        let device = MemoryDevice(try contents(of: image.path))
        let filesystem = try FATFilesystem(device: device)
        let file = try filesystem.file("EFI/BOOT/BOOTX64.EFI")
        let entry = Int(file.number) * 32
        let first = Int(device.bytes[entry + 26]) | Int(device.bytes[entry + 27]) << 8
        let table = (Int(device.bytes[14]) | Int(device.bytes[15]) << 8) * 512
        let place = table + 2 * (first + 3)
        device.bytes.replaceSubrange(place..<place + 2, with: [UInt8(first & 0xFF), UInt8(first >> 8)])
        let damaged = try FATFilesystem(device: device)
        #expect { try damaged.readAll(file, limit: 1 << 20) } throws: { ($0 as? GuestError)?.code == .damaged }
        #expect { try damaged.overwrite(file, with: []) } throws: { ($0 as? GuestError)?.code == .damaged }
        #expect { try damaged.remove(Array("bootx64.efi".utf8), in: damaged.file("EFI/BOOT")) } throws: {
            ($0 as? GuestError)?.code == .damaged
        }
    }

    @Test("Other filesystems and partition tables aren't taken for FAT") func foreign() throws {
        let image = try Image("-F 32 -s 1", size: "40M")
        #expect(try FATFilesystem.recognises(FileDevice(image.path)))
        #expect(try !FATFilesystem.recognises(MemoryDevice([])))
        #expect(try !FATFilesystem.recognises(MemoryDevice([UInt8](repeating: 0, count: 4096))))
        let makers = [
            ("mkfs.exfat", [String]()), ("mkntfs", ["-F", "-Q", "-q"]), ("mke2fs", ["-q", "-F"]),
            ("mkfs.btrfs", ["-q"]),
        ]
        for (maker, options) in makers where Capabilities.has(maker) {
            let directory = try TemporaryDirectory()
            let path = directory.file("image")
            try Tool.check("truncate", ["-s", "120M", path])
            try Tool.check(maker, options + [path])
            #expect(try !FATFilesystem.recognises(FileDevice(path)), "\(maker)")
        }
        let directory = try TemporaryDirectory()
        let path = directory.file("image")
        try Tool.check("truncate", ["-s", "40M", path])
        try Tool.check("sh", ["-c", "echo ',,c,*' | sfdisk -q \(path)"])
        #expect(try !FATFilesystem.recognises(FileDevice(path)))
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
