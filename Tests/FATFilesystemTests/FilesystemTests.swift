import FATFilesystem
import Foundation
import GuestDisk
import TestSupport
import Testing

@Suite(.enabled(if: Image.hasTools)) struct FilesystemTests {
    @Test(
        "Everything reads as mtools reads it, and after changes fsck is content and mtools reads what is right",
        arguments: OptionSets.all)
    func readsAndWrites(options: String, size: String) throws {
        let image = try Image(options, size: size, tree: try AwkwardTree.shared.get().path)
        #expect(try image.complaints() == nil)
        let before = try image.judgedListing()
        let filesystem = try image.open()
        try expectSame(listing(filesystem), before)
        let expected = try Changes.make(filesystem, before)
        try filesystem.flush()
        #expect(try image.complaints() == nil)
        try expectSame(image.judgedListing(), expected)
        try expectSame(listing(image.open()), expected)
    }

    @Test("The identity is what blkid tells", arguments: OptionSets.all)
    func identity(options: String, size: String) throws {
        let image = try Image(options, size: size)
        func tag(_ name: String) throws -> String? {
            let text = try Tool.run("blkid", ["-p", "-o", "value", "-s", name, image.path]).output
            return text.isEmpty ? nil : text.trimmingCharacters(in: .newlines)
        }
        let identity = try image.open().identity
        #expect(identity.type == (try tag("TYPE")))
        #expect(identity.uuid == (try tag("UUID")))
        #expect(identity.label == (try tag("LABEL")))
        #expect(identity.uuid != nil)
    }

    @Test("A directory of many files is read, grown and looked up in") func manyFiles() throws {
        let tree = try TemporaryDirectory()
        for number in 0..<400 { try tree.write([], to: "big/a file with a long name, number \(number)", parents: true) }
        let image = try Image("-F 32 -s 1", size: "40M", tree: tree.path)
        let filesystem = try image.open()
        try expectSame(listing(filesystem), image.judgedListing())
        let directory = try filesystem.file("big")
        #expect(try filesystem.lookUp(Array("A FILE with a long name, NUMBER 399".utf8), in: directory) != nil)
        for number in 0..<3 {
            let new = NewFile(.regular([1]), permissions: 0o644, modified: 0)
            _ = try filesystem.create(Array("a file with another name \(number)".utf8), in: directory, new)
        }
        #expect(try image.complaints() == nil)
        #expect(try image.judgedListing().count == 404)
    }

    @Test("Long names get aliases that are unique, by which mtools finds the files") func aliases() throws {
        let image = try Image("-F 32 -s 1", size: "40M")
        let filesystem = try image.open()
        let names = ["simila~1.con"] + (1...12).map { "Similar name \($0).conf" } + [".profile", "a+b", "ä"]
        for (index, name) in names.enumerated() {
            let new = NewFile(.regular(Array("\(index)".utf8)), permissions: 0o644, modified: 0)
            _ = try filesystem.create(Array(name.utf8), in: filesystem.root, new)
        }
        #expect(try image.complaints() == nil)
        let aliases = [("SIMILA~2.CON", 1), ("SIMIL~10.CON", 9), ("SIMIL~13.CON", 12), ("PROFIL~1", 13), ("A_B~1", 14)]
        for (alias, index) in aliases {
            #expect(try Image.mtools("mtype", ["-i", image.path, "::/" + alias]) == "\(index)")
        }
        #expect(try filesystem.lookUp(Array("simila~2.con".utf8), in: filesystem.root) != nil)
    }

    @Test("FAT32 with few clusters is FAT32, as 7-Zip and fsck see it too", .enabled(if: Capabilities.has("7z")))
    func smallFAT32() throws {
        let image = try Image("-F 32 -s 8", size: "34M")
        let filesystem = try image.open()
        var expected = Listing()
        for number in 0..<60 {
            let (name, content) = ("A file of FAT32, number \(number)", bytes(number * 99))
            let new = NewFile(.regular(content), permissions: 0o644, modified: 1_000_000_000)
            _ = try filesystem.create(Array(name.utf8), in: filesystem.root, new)
            expected[name] = .file(modified: 1_000_000_000, content: content)
        }
        #expect(try image.complaints() == nil)
        let copy = image.directory.file("copy")
        try Tool.check("env", ["TZ=UTC", "7z", "x", "-y", "-o" + copy, image.path])
        try expectSame(listing(ofDirectory: copy), expected)
    }

    @Test("Names are found whatever their case, of other letters too") func caseInsensitive() throws {
        let image = try Image("-F 16", size: "16M", tree: try AwkwardTree.shared.get().path)
        let filesystem = try image.open()
        #expect(try filesystem.file("efi/boot/bootx64.efi") == filesystem.file("EFI/BOOT/BOOTX64.EFI"))
        #expect(try filesystem.file("übergrößenTRÄGER.TXT") == filesystem.file("Übergrößenträger.txt"))
        #expect(try filesystem.lookUp([0xFF, 0xFE], in: filesystem.root) == nil)
    }

    @Test("What doesn't fit is refused before anything is written") func noSpace() throws {
        let image = try Image("-F 12 -r 16", size: "720K", tree: nil)
        let before = try contents(of: image.path)
        let filesystem = try image.open()
        func expectNoSpace(_ name: String, _ content: NewFile.Content) {
            #expect {
                _ = try filesystem.create(
                    Array(name.utf8), in: filesystem.root, NewFile(content, permissions: 0o644, modified: 0))
            } throws: { ($0 as? GuestError)?.code == .noSpace }
        }
        expectNoSpace("LARGE", .regular(bytes(720 << 10)))
        expectNoSpace(String(repeating: "n", count: 220), .regular([]))
        #expect(try contents(of: image.path) == before)
    }

    @Test(
        "Nothing is written where a disk error is noted",
        arguments: [("-F 16", 3, UInt8(0xBF)), ("-F 32 -s 1", 7, 0xFB)])
    func diskErrors(options: String, byte: Int, mask: UInt8) throws {
        let image = try Image(options, size: "40M", tree: try AwkwardTree.shared.get().path)
        var content = try contents(of: image.path)
        // Of the second entry of the first table.
        content[Int(content[14]) * 512 + byte] &= mask
        let filesystem = try FATFilesystem(device: MemoryDevice(content))
        #expect(filesystem.writability == .none)
        #expect {
            try filesystem.overwrite(filesystem.file("lower.txt"), with: [])
        } throws: { ($0 as? GuestError)?.code == .unsupported }
    }

    @Test("What is changed is the same each time") func reproducible() throws {
        let image = try Image("-F 32 -s 1 -i 1", size: "40M", tree: try AwkwardTree.shared.get().path)
        let content = try contents(of: image.path)
        let results = try (0..<2).map { _ in
            let device = MemoryDevice(content)
            let filesystem = try FATFilesystem(device: device)
            _ = try Changes.make(filesystem, listing(filesystem))
            return device.bytes
        }
        #expect(results[0] == results[1])
        #expect(results[0] != content)
    }
}
