import Conversion
import DiskImage
import Foundation
import TestSupport
import Testing

@testable import ChangeJournal
@testable import V2VConvert

/// Changes that are committed to raw images: what is expected are bytes of files.
@Suite struct RawCommitTests {
    let directory: TemporaryDirectory
    let image: String
    let journal: String
    private let old: [UInt8]
    private let disk: ChangedDisk
    private var source: DiskImageSource { DiskImageSource(path: image, format: .raw) }

    /// The disk ends within a sector.
    init() throws {
        directory = try TemporaryDirectory()
        image = directory.file("disk.raw")
        journal = image + ".v2v-journal"
        old = Array(DiskContent.text(size: 301_056).bytes().dropLast(179))
        try directory.write(old, to: "disk.raw")
        disk = try ChangedDisk(directory.write(old, to: "before.raw"), seed: 9)
    }

    /// The journal of the changes, of which nothing is in the image yet.
    private func makeJournal() throws -> [UInt8] {
        try writeJournal(of: disk, in: image)
        #expect(try contents(of: image) == old)
        return try contents(of: journal)
    }

    private func writeJournal(of disk: ChangedDisk, in image: String) throws {
        let commit = try ImageCommit(DiskImageSource(path: image, format: .raw))
        let (change, reports) = try ImageCommit.prepare([(commit, disk.layer())])
        try change.writeJournal()
        #expect(reports[0].writtenBytes > 0)
    }

    @Test func committingWritesTheChanges() throws {
        let commit = try ImageCommit(source)
        #expect(!commit.hasRecovered)
        #expect(try commit.commit(disk.layer()).writtenBytes > 0)
        #expect(try contents(of: image) == contents(of: disk.after))
        #expect(directory.names == ["before.raw", "before.raw.after", "disk.raw"])
    }

    /// A crash before the journal is complete has changed nothing.
    @Test func anIncompleteJournalIsDiscarded() throws {
        let whole = try makeJournal()
        var broken = stride(from: 0, to: whole.count, by: 997).map { Array(whole[..<$0]) } + [whole.dropLast()]
        // Its length is there, but not all of its content.
        broken += stride(from: 0, to: whole.count, by: 4096).map { start in
            let end = min(start + 4096, whole.count)
            return whole[..<start] + [UInt8](repeating: 0, count: end - start) + whole[end...]
        }
        for bytes in broken {
            try Tool.write(bytes, to: journal)
            #expect(try !ImageCommit(source).hasRecovered)
            #expect(try contents(of: image) == old)
            #expect(fileSize(journal) == nil)
        }
    }

    /// Whichever sectors a crash let through, the rest is in the journal.
    @Test func aCompleteJournalIsCompleted() throws {
        let whole = try makeJournal()
        let new = try contents(of: disk.after)
        var random = SplitMix(state: 3)
        for round in 0..<12 {
            var mixed = old
            for start in stride(from: 0, to: old.count, by: 512)
            where round > 0 && (round == 1 || Bool.random(using: &random)) {
                let sector = start..<min(start + 512, old.count)
                mixed.replaceSubrange(sector, with: new[sector])
            }
            try Tool.write(mixed, to: image)
            try Tool.write(whole, to: journal)
            #expect(try ImageCommit(source).hasRecovered)
            #expect(try contents(of: image) == new)
            #expect(fileSize(journal) == nil)
            #expect(try !ImageCommit(source).hasRecovered)
        }
    }

    /// A guest that was started in between has written to what the journal would overwrite.
    @Test func whatOthersWroteSinceIsNotOverwritten() throws {
        let whole = try makeJournal()
        var touched = old
        // The end of the disk changes in any case.
        touched[old.count - 100] ^= 0x55
        try Tool.write(touched, to: image)
        try requireRefusal()
        #expect(try contents(of: image) == touched)
        #expect(try contents(of: journal) == whole)

        try Tool.write(old + [0], to: image)
        try requireRefusal()
        #expect(try contents(of: image) == old + [0])
    }

    /// Anybody may make files in some directories.
    @Test func aJournalOfOthersIsNotFollowed() throws {
        let whole = try makeJournal()
        let elsewhere = try directory.write(whole, to: "elsewhere")
        try FileManager.default.removeItem(atPath: journal)
        try FileManager.default.createSymbolicLink(atPath: journal, withDestinationPath: elsewhere)
        try requireRefusal()
        try FileManager.default.removeItem(atPath: journal)
        if Capabilities.isRoot {
            try Tool.write(whole, to: journal)
            try Tool.check("chown", ["12345", journal])
            try requireRefusal()
            // Who owns the image can write to it anyway.
            try Tool.check("chown", ["12345", image])
            #expect(try ImageCommit(source).hasRecovered)
        }
    }

    private func requireRefusal() throws {
        #expect {
            _ = try ImageCommit(source)
        } throws: { error in
            (error as? ImageError)?.code == .outputFailed
        }
    }

    /// The journal of a device is not in `/dev`, which a crash would take along; and whatever name the device has afterwards
    /// leads to it.
    @Test(.enabled(if: Capabilities.canMount, "needs root and loop devices")) func devices() throws {
        let backing = try directory.write(old.dropLast(old.count % 512), to: "backing")
        let disk = try ChangedDisk(directory.write(contents(of: backing), to: "device.raw"), seed: 2)
        var device: LoopDevice? = try LoopDevice(backing)
        let name = try #require(device?.path)
        try writeJournal(of: disk, in: name)
        device = nil
        // Takes the name that has become free.
        let other = try LoopDevice(directory.write(old.dropLast(old.count % 512), to: "other"))
        let again = try LoopDevice(backing)
        #expect(again.path != name)
        #expect(try !ImageCommit(DiskImageSource(path: other.path, format: .raw)).hasRecovered)
        #expect(try ImageCommit(DiskImageSource(path: again.path, format: .raw)).hasRecovered)
        #expect(try !ImageCommit(DiskImageSource(path: again.path, format: .raw)).hasRecovered)
        #expect(try contents(of: backing) == contents(of: disk.after))
    }

    /// What is changed by half is not read; what is not changed at all is.
    @Test func readersRefuseAnInterruptedChange() throws {
        let whole = try makeJournal()
        #expect {
            _ = try source.open()
        } throws: { error in
            "\(error)".contains("v2v-convert fixup \(image)")
        }
        var unlocked = source
        unlocked.ignoresLocks = true
        #expect(try unlocked.open().opener.findings.warnings.contains { $0.contains("interrupted") })
        try Tool.write(Array(whole.dropLast()), to: journal)
        _ = try source.open()
    }

    /// The journal lies beside the name that the image had; a change by another name would not be noticed there.
    @Test func otherNamesAreNotedOrRefused() throws {
        try Tool.check("ln", [image, directory.file("second.raw")])
        #expect {
            _ = try ImageCommit(source).commit(disk.layer())
        } throws: { error in
            (error as? ImageError)?.message.contains("hard links") ?? false
        }
        #expect(try contents(of: image) == old)
        try Tool.check("rm", [directory.file("second.raw")])
        let whole = try makeJournal()
        let renamed = DiskImageSource(path: directory.file("renamed.raw"), format: .raw)
        try Tool.check("mv", [image, renamed.path])
        for action in [{ _ = try renamed.open() }, { _ = try ImageCommit(renamed) }] {
            #expect {
                try action()
            } throws: { error in
                "\(error)".contains("another name: disk.raw")
            }
        }
        // A directory may move with all that is in it, and links may lead there.
        try Tool.check("mkdir", [directory.file("new")])
        try Tool.check("mv", [renamed.path, directory.file("new/disk.raw")])
        try Tool.check("mv", [journal, directory.file("new")])
        try Tool.check("ln", ["-s", directory.file("new/disk.raw"), directory.file("link.raw")])
        #expect(try contents(of: directory.file("new/disk.raw.v2v-journal")) == whole)
        #expect(try ImageCommit(DiskImageSource(path: directory.file("link.raw"), format: .raw)).hasRecovered)
        #expect(try contents(of: directory.file("new/disk.raw")) == contents(of: disk.after))
    }

    /// Where holes change there must be room for them before the journal counts: afterwards only half of it may fit.
    @Test(.enabled(if: Capabilities.canMount, "needs root")) func noRoomForHoles() throws {
        let mount = directory.file("small")
        try Tool.check("mkdir", [mount])
        try Tool.check("mount", ["-t", "tmpfs", "-o", "size=1M", "none", mount])
        defer { try? Tool.unmount(mount) }
        let sparse = mount + "/disk.raw"
        try Tool.check("truncate", ["-s", "4M", sparse])
        let changed = try ChangedDisk(directory.write(contents(of: sparse), to: "sparse.raw"), seed: 4, count: 90)
        #expect {
            _ = try ImageCommit(DiskImageSource(path: sparse, format: .raw)).commit(changed.layer())
        } throws: { error in
            (error as? ImageError)?.code == .outputNoSpace
        }
        #expect(try contents(of: sparse) == contents(of: changed.before))
        #expect(fileSize(sparse + ".v2v-journal") == nil)
    }
}
