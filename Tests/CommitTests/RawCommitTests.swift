import Conversion
import DiskImage
import Foundation
import TestSupport
import Testing

@testable import RawFormat
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
        #expect(try writeJournal(of: disk, EditableFile(path: image)) > 0)
        #expect(try contents(of: image) == old)
        return try contents(of: journal)
    }

    private func writeJournal(of disk: ChangedDisk, _ file: EditableFile) throws -> UInt64 {
        let layer = try disk.layer()
        let merged = LayeredMap(layer, over: RawReader(file: try file.reader(), opener: source.makeOpener()).makeMap())
        let content = try ContentReader(files: merged.files)
        let changes = DiskChanges(layer: layer) { (range) throws(ImageError) in try content.bytes(range, of: merged) }
        return try RawCommit(file).writeJournal(changes)
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

    /// The journal of a device is not in `/dev`, which a crash would take along.
    @Test(.enabled(if: Capabilities.canMount, "needs root and loop devices")) func devices() throws {
        let backing = try directory.write(old.dropLast(old.count % 512), to: "backing")
        let disk = try ChangedDisk(directory.write(contents(of: backing), to: "device.raw"), seed: 2)
        let device = try Tool.check("losetup", ["--find", "--show", backing]).trimmingCharacters(in: .newlines)
        defer { _ = try? Tool.run("losetup", ["--detach", device]) }
        let kept = "/var/tmp/dev-\(device.split(separator: "/")[1]).v2v-journal"
        let file = try EditableFile(path: device)
        _ = try writeJournal(of: disk, file)
        #expect(fileSize(kept) != nil)
        #expect(try RawCommit.recover(file))
        #expect(fileSize(kept) == nil)
        #expect(try contents(of: backing) == contents(of: disk.after))
    }

    /// A program that only reads the image says that it is not to be trusted.
    @Test func readersWarnOfAJournal() throws {
        _ = try makeJournal()
        let (reader, opener) = try source.open()
        _ = reader.info
        #expect(opener.findings.warnings.contains { $0.contains("interrupted") })
    }
}
