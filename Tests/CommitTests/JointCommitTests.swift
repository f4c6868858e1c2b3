import DiskImage
import Foundation
import TestSupport
import Testing

@testable import ChangeJournal
@testable import V2VConvert

/// Changes of several images of one machine, judged by qemu-img: all of them are there or none, by whichever image a journal is
/// found.
@Suite struct JointCommitTests {
    /// An image, and what is to become of it.
    private struct Member {
        var image: String
        var format: ImageFormat
        var disk: ChangedDisk

        var source: DiskImageSource { DiskImageSource(path: image, format: format) }
        var journal: String { image + ".v2v-journal" }

        func require(changed: Bool) throws {
            try QEMU.requireIdentical(changed ? disk.after : disk.before, image, format: format.rawValue)
            if format == .qcow2 { #expect(try [0, 3].contains(CheckResult.theirs(image).status)) }
        }
    }

    /// The images' and journals' content at some moment.
    private typealias State = [String: [UInt8]]

    let directory: TemporaryDirectory
    private let members: [Member]

    /// Two qcow2 images, between them a raw one in another directory.
    init() throws {
        directory = try TemporaryDirectory()
        members = try ["a.qcow2", "elsewhere/b.raw", "c.qcow2"].enumerated().map { [directory] number, name in
            let image = directory.file(name)
            let raw = try directory.write(DiskContent.text(size: 300_032).bytes(), to: "\(number).raw")
            if name.hasSuffix("raw") {
                try Tool.check("mkdir", [directory.file("elsewhere")])
                try Tool.check("cp", [raw, image])
            } else {
                try QEMU.convert(raw, to: image, format: "qcow2", options: "cluster_size=4k")
            }
            return Member(
                image: image, format: name.hasSuffix("raw") ? .raw : .qcow2,
                disk: try ChangedDisk(raw, seed: UInt64(number)))
        }
    }

    private func changes() throws -> [(image: ImageCommit, layer: any DiskMap)] {
        try members.map { (try ImageCommit($0.source), try $0.disk.layer()) }
    }

    private func state() throws -> State {
        try Dictionary(uniqueKeysWithValues: members.map { ($0.image, try contents(of: $0.image)) })
    }

    private func restore(_ state: State) throws {
        for (path, bytes) in state { try Tool.write(bytes, to: path) }
    }

    /// Makes the journal and the links that stand for it.
    private func restoreJournal(_ bytes: [UInt8], links: Set<Int> = [1, 2]) throws {
        for member in members { _ = try? FileManager.default.removeItem(atPath: member.journal) }
        try Tool.write(bytes, to: members[0].journal)
        for link in links {
            try Tool.check("ln", ["-s", members[0].journal, members[link].journal])
        }
    }

    private func requireNoJournals() {
        for member in members {
            #expect(access(member.journal, F_OK) != 0)
            #expect((try? FileManager.default.destinationOfSymbolicLink(atPath: member.journal)) == nil)
        }
    }

    /// The moment in which all is prepared, and that in which all is done; the journal that leads from one to the other.
    private func moments() throws -> (prepared: State, journal: [UInt8], done: State) {
        do {
            let (change, reports) = try ImageCommit.prepare(changes())
            #expect(reports.allSatisfy { $0.writtenBytes > 0 })
            try change.writeJournal()
        }
        let prepared = try state()
        let journal = try contents(of: members[0].journal)
        for link in members.dropFirst() {
            #expect(try contents(of: link.journal) == journal)
        }
        #expect(try ImageCommit(members[0].source).hasRecovered)
        requireNoJournals()
        return (prepared, journal, try state())
    }

    @Test func allAreChanged() throws {
        _ = try ImageCommit.commit(changes())
        for member in members {
            try member.require(changed: true)
            if member.format == .qcow2 { try QEMU.requireClean(member.image) }
        }
        requireNoJournals()
    }

    /// Before the journal is complete nothing has happened.
    @Test func anIncompleteJournalIsDiscarded() throws {
        let (prepared, journal, _) = try moments()
        let head = Int(journal.littleEndian32(at: 12))
        var cases: [(length: Int, links: Set<Int>)] = [(0, []), (head - 1, []), (head, []), (head, [1])]
        for length in [head, head + 1, journal.count / 2, journal.count - 1] { cases.append((length, [1, 2])) }
        for (length, links) in cases {
            for finder in links.union([0]) {
                try restore(prepared)
                try restoreJournal(Array(journal[..<length]), links: links)
                _ = try members[finder].source.open()
                #expect(try !ImageCommit(members[finder].source).hasRecovered)
                requireNoJournals()
                for member in members { try member.require(changed: false) }
            }
        }
    }

    /// From then on all of it happens, whichever of the images have changed already, whoever finds it.
    @Test func aCompleteJournalIsCompleted() throws {
        let (prepared, journal, done) = try moments()
        for changed in 0..<8 {
            let finder = members[changed % 3].source
            try restore(prepared)
            for (number, member) in members.enumerated() where changed & (1 << number) != 0 {
                try Tool.write(try #require(done[member.image]), to: member.image)
            }
            try restoreJournal(journal)
            #expect(throws: ImageError.self) { try finder.open() }
            #expect(try ImageCommit(finder).hasRecovered)
            requireNoJournals()
            for member in members { try member.require(changed: true) }
        }
    }

    /// When all is done the journal is cut to its head before anything of it goes.
    @Test func aCutJournalIsDiscarded() throws {
        let (_, journal, done) = try moments()
        let head = Array(journal[..<Int(journal.littleEndian32(at: 12))])
        for links: Set<Int> in [[1, 2], [2], []] {
            for finder in links.union([0]) {
                try restore(done)
                try restoreJournal(head, links: links)
                #expect(try !ImageCommit(members[finder].source).hasRecovered)
                requireNoJournals()
                for member in members { try member.require(changed: true) }
            }
        }
    }

    /// A guest that was started in between, or a repair: completing would lose what it wrote, or what was prepared is gone.
    @Test(arguments: ["write", "allocate", "repair"]) func whatOthersWroteSinceIsKept(how: String) throws {
        let (prepared, journal, _) = try moments()
        try restore(prepared)
        let image = members[2].image
        switch how {
        // The end of the disk changes in any case.
        case "write": try Tool.check("qemu-io", ["-c", "write -q -P 3 299520 512", image])
        case "allocate":
            try Tool.check("qemu-img", ["resize", "-q", image, "600k"])
            try Tool.check("qemu-io", ["-c", "write -q -P 3 500k 4k", image])
        default: try Tool.check("qemu-img", ["check", "-q", "-r", "leaks", image])
        }
        let touched = try contents(of: image)
        try restoreJournal(journal)
        for finder in members.indices {
            #expect {
                _ = try ImageCommit(members[finder].source)
            } throws: { error in
                (error as? ImageError)?.code == .outputFailed
            }
        }
        #expect(try contents(of: image) == touched)
        #expect(try contents(of: members[1].image) == prepared[members[1].image])
        #expect(try contents(of: members[0].journal) == journal)
    }

    /// Without all of them nothing is done.
    @Test func whatIsMissingIsNamed() throws {
        let (prepared, journal, _) = try moments()
        try restore(prepared)
        try restoreJournal(journal)
        let hidden = directory.file("hidden")
        for missing in [members[1].image, members[0].journal] {
            try Tool.check("mv", [missing, hidden])
            #expect {
                _ = try ImageCommit(members[2].source)
            } throws: { error in
                "\(error)".contains("gone") && "\(error)".contains(missing.hasSuffix("raw") ? "b.raw" : "c.qcow2")
            }
            try Tool.check("mv", [hidden, missing])
        }
        for member in members where member.format == .qcow2 { try member.require(changed: false) }
        #expect(try ImageCommit(members[2].source).hasRecovered)
    }
}

extension [UInt8] {
    fileprivate func littleEndian32(at offset: Int) -> UInt32 {
        self[offset..<offset + 4].reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }
}
