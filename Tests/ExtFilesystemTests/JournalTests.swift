import ByteLayout
@testable import ExtFilesystem
import Foundation
import GuestDisk
import TestSupport
import Testing

@Suite struct JournalTests {
    /// How a filesystem is made, and how debugfs opens its journal.
    static let kinds = [
        ("-t ext3 -b 1024 -J size=1", "jo"),
        ("-t ext3 -b 4096", "jo"),
        ("-t ext4 -b 1024 -J size=1", "jo"),
        ("-t ext4 -b 1024 -J size=1", "jo -c -v 2"),
        ("-t ext4 -b 2048 -J size=2", "jo -c -v 3"),
        ("-t ext4 -O ^64bit", "jo -c -v 2"),
        ("-t ext4 -O ^64bit", "jo -c -v 3"),
    ]

    @Test("A replay writes what e2fsck's does", arguments: kinds)
    func replaysAsE2fsck(options: String, open: String) throws {
        let image = try Image(options, filled: false)
        try writeTransactions(image, open)
        let copy = try Image(copying: image)
        try replayByE2fsck(copy)
        _ = try image.open()
        try expectSame(image, copy)
    }

    @Test("Numbers of transactions wrap")
    func wraps() throws {
        let image = try Image("-t ext4 -b 1024 -J size=1", filled: false)
        let device = try FileDevice(image.path)
        let block = try journalBlock(image)
        var bytes = try device.read(at: block * 1024, count: 1024)
        bytes.storeBigEndian(UInt32.max - 1, at: 24)
        try device.write(bytes, at: block * 1024)
        try writeTransactions(image, "jo -c -v 3")
        let copy = try Image(copying: image)
        try replayByE2fsck(copy)
        _ = try image.open()
        try expectSame(image, copy)
    }

    @Test("A damaged block of the journal keeps it from being replayed, and nothing is written")
    func refusesDamage() throws {
        let image = try Image("-t ext4 -b 1024 -J size=1", size: "4M", filled: false)
        try writeTransactions(image, "jo -c -v 3")
        let original = try contents(of: image.path)
        // The header, a descriptor, a block of content.
        for (block, offset) in [(0, 24), (1, 14), (2, 500)] {
            let position = try Int(journalBlock(image, block)) * 1024 + offset
            let device = MemoryDevice(original)
            device.bytes[position] ^= 0x40
            let damaged = device.bytes
            #expect("block \(block)") { try ExtFilesystem(device: device) } throws: {
                ($0 as? GuestError)?.code == .unclean
            }
            let isUntouched = same(device.bytes, damaged)
            #expect(isUntouched)
        }
    }

    @Test("A journal of the kernel is replayed as the kernel does", .enabled(if: Capabilities.canMount))
    func replaysAsKernel() throws {
        for options in ["-t ext4 -b 1024 -J size=1", "-t ext3 -b 1024 -J size=1"] {
            let image = try Image(options)
            let copy = try Image(copyingMounted: image, script: Self.busyScript)
            let other = try Image(copying: copy)
            #expect(try Tool.check("dumpe2fs", ["-h", copy.path]).contains("needs_recovery"))
            let theirs = try other.kernelListing(options: "rw")
            let filesystem = try copy.open()
            #expect(try FileListing.difference(FileListing(filesystem), theirs) == "")
            try filesystem.overwrite(filesystem.file("etc/fstab"), with: Array("after".utf8))
            try filesystem.flush()
            #expect(try copy.complaints() == nil)
        }
    }

    /// Fills a journal of 1 MiB several times over, with blocks that are freed and used again.
    private static let busyScript = #"""
        import os, shutil, subprocess, sys
        os.chdir(sys.argv[1])
        for turn in range(6):
            os.mkdir('turn-%d' % turn)
            for i in range(150):
                with open('turn-%d/file-%d' % (turn, i), 'w') as file:
                    file.write('%d %d' % (turn, i) * 50)
            if turn % 2:
                shutil.rmtree('turn-%d' % (turn - 1))
            subprocess.run(['sync', '-f', '.'], check=True)
        """#

    @Test("Fast commits are not ignored", .enabled(if: Capabilities.canMount))
    func refusesFastCommits() throws {
        let image = try Image("-t ext4 -O fast_commit", filled: false)
        let script = #"""
            import os, subprocess, sys
            os.chdir(sys.argv[1])
            with open('first', 'w') as file:
                file.write('x')
            subprocess.run(['sync', '-f', '.'], check=True)
            for i in range(3):
                with open('file-%d' % i, 'w') as file:
                    file.write('y' * 100)
                    file.flush()
                    os.fsync(file.fileno())
            """#
        let copy = try Image(copyingMounted: image, script: script)
        #expect { try copy.open() } throws: { ($0 as? GuestError)?.code == .unclean }
    }

    @Test("The checksum of a transaction is the CRC-32 that its catalogues call MPEG-2")
    func transactionChecksum() {
        var checksum = CRC32BigEndian()
        checksum.update(Array("123456789".utf8))
        #expect(checksum.value == 0x0376_E6E7)
    }

    @Test("A journal on another device can't be replayed")
    func refusesExternalJournal() throws {
        let image = try Image("-t ext4", size: "4M", filled: false)
        try image.debug("set_super_value journal_inum 0", "feature needs_recovery")
        #expect { try image.open() } throws: { ($0 as? GuestError)?.code == .unclean }
    }

    /// Transactions with a block that begins like a block of the log, revoked blocks, a block that comes twice, and one that
    /// is not complete.
    private func writeTransactions(_ image: Image, _ open: String) throws {
        let size = try Int(Tool.check("stat", ["-c", "%s", image.path]).dropLast()) ?? 0
        let blockSize = try ExtSuperblock(FileDevice(image.path)).blockSize
        let free = size / blockSize - 40
        var escaped = Changes.content(blockSize)
        escaped.storeBigEndian(UInt32(0xC03B_3998), at: 0)
        let first = try image.directory.write(escaped + Changes.content(blockSize * 3), to: "first")
        let second = try image.directory.write([UInt8](repeating: 7, count: blockSize * 2), to: "second")
        try image.debug(
            open, "jw -b \(free),\(free + 1),\(free + 2),\(free + 3) \(first)",
            "jw -b \(free + 5),\(free + 2) \(second)", "jw -r \(free + 1),\(free + 5)",
            "jw -b \(free + 7),\(free + 3) -c \(second)", "jc")
        let log = try Tool.check("debugfs", ["-R", "logdump -a", image.path])
        #expect(log.matches(of: #/type 2/#).count == 3 && log.contains("Revoke FS block \(free + 5)"))
    }

    private func replayByE2fsck(_ image: Image) throws {
        #expect(try Tool.run("e2fsck", ["-y", "-E", "journal_only", image.path]).output.contains("recovering journal"))
    }

    private func journalBlock(_ image: Image, _ number: Int = 0) throws -> UInt64 {
        let output = try Tool.check("debugfs", ["-R", "bmap <8> \(number)", image.path])
        return try #require(UInt64(output.trimmingCharacters(in: .whitespacesAndNewlines)))
    }

    /// Everything but times in the superblock is the same, and what dumpe2fs tells of the journal.
    private func expectSame(_ image: Image, _ other: Image) throws {
        var bytes = [try contents(of: image.path), try contents(of: other.path)]
        for index in bytes.indices {
            bytes[index].replaceSubrange(1024..<2048, with: [UInt8](repeating: 0, count: 1024))
        }
        let isSame = same(bytes[0], bytes[1])
        #expect(isSame)
        let told = try [image, other].map { image in
            try Tool.check("dumpe2fs", ["-h", image.path]).split(separator: "\n")
                .filter { $0.contains("ournal") || $0.contains("features") || $0.contains("state") }
        }
        #expect(told[0] == told[1])
    }
}

extension Image {
    /// A copy of `image` as it is while it is mounted, after a Python script has worked in it.
    init(copyingMounted image: Image, script: String) throws {
        let mount = image.directory.file("mount")
        try Tool.check("mkdir", [mount])
        try Tool.check("mount", ["-o", "loop", image.path, mount])
        defer { try? Tool.unmount(mount) }
        try Tool.check("python3", ["-c", script, mount])
        try self.init(copying: image)
    }
}
