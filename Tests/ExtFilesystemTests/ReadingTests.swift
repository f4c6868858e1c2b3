import ExtFilesystem
import Foundation
import GuestDisk
import TestSupport
import Testing

@Suite struct ReadingTests {
    @Test(
        "Everything reads as the kernel reads it, and after changes what the kernel reads is right",
        .enabled(if: Capabilities.canMount), arguments: OptionSets.all)
    func readsAndWrites(options: String) throws {
        let image = try Image(options)
        // mke2fs does not count what it copies.
        if options.contains("quota") { _ = try Tool.run("e2fsck", ["-fy", image.path]) }
        let before = try image.kernelListing()
        var filesystem: ExtFilesystem? = try image.open()
        let ours = try FileListing(filesystem!)
        #expect(FileListing.difference(ours, before) == "")
        let blkid = try Tool.check("blkid", ["-p", "-o", "value", "-s", "TYPE", image.path])
        #expect(filesystem!.identity.type == blkid.trimmingCharacters(in: .whitespacesAndNewlines))
        let expected = try Changes.make(filesystem!, before)
        try filesystem!.flush()
        filesystem = nil
        #expect(try image.complaints() == nil)
        let after = try image.kernelListing()
        #expect(FileListing.difference(expected, after) == "")
    }

    @Test("Files of a filesystem that does not distinguish case read as debugfs reads them")
    func caseFolded() throws {
        let image = try Image("-t ext4 -O casefold")
        let filesystem = try image.open()
        for path in ["etc/fstab", "large", "holes", "many/a-file-with-quite-a-long-name-00050"] {
            let ours = try filesystem.readAll(filesystem.file(path), limit: .max)
            #expect(checksum(ours) == checksum(try image.dump("/" + path)))
        }
        try filesystem.overwrite(filesystem.file("large"), with: Changes.content(2_000_000))
        try filesystem.flush()
        #expect(try image.complaints() == nil)
        #expect(checksum(try image.dump("/large")) == checksum(Changes.content(2_000_000)))
    }

    @Test("A filesystem is called what blkid calls it", arguments: ["-t ext4 -L root", "-t ext3", "-t ext2 -L äöü"])
    func identity(options: String) throws {
        let image = try Image(options, size: "4M", filled: false)
        let identity = try image.open().identity
        func tag(_ name: String) throws -> String? {
            let result = try Tool.run("blkid", ["-p", "-o", "value", "-s", name, image.path])
            let value = result.output.trimmingCharacters(in: .whitespacesAndNewlines)
            return value.isEmpty ? nil : value
        }
        #expect(try identity.type == tag("TYPE"))
        #expect(try identity.uuid == tag("UUID"))
        #expect(try identity.label == tag("LABEL"))
    }
}
