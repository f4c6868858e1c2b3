import ByteLayout
import DiskImage
import Foundation
import TestSupport
import Testing

@testable import QCOW2Format

/// Whichever writes of a change in place a crash lets through, qemu-img finds the old image or the new one, with nothing
/// worse than clusters that nobody uses, and a repair leaves no more wrong than there was.
@Suite struct InterruptedChangeTests {
    let directory: TemporaryDirectory
    let image: String

    init() throws {
        directory = try TemporaryDirectory()
        image = directory.file("disk.qcow2")
    }

    private func create(_ options: String, size: String) throws {
        try Tool.check("qemu-img", ["create", "-q", "-f", "qcow2", "-o", options, image, size])
        try Tool.check(
            "qemu-io", ["-c", "write -P 1 0 40k", "-c", "write -P 2 1000k 100k", "-c", "write -P 3 1900k 60k", image])
    }

    private func reader(_ file: EditableFile) throws -> QCOW2Reader {
        try QCOW2Reader(
            file: file.reader(),
            opener: ImageOpener(
                openImage: { file, _, _ throws(ImageError) in throw file.unsupported("no other image") },
                openStream: { _, _, _ throws(ImageError) in throw ImageError(.inputUnsupported, "no stream") }))
    }

    /// Runs `change` and looks at what each crash would make of the image.
    /// - Parameters:
    ///   - expected: raw disks by their size.
    ///   - isRepair: whether the image is damaged before.
    ///   - next: is then given each state, and the disk that it has.
    /// - Returns: the number of writes.
    private func interrupt(
        _ change: (QCOW2Reader, any OutputSink, EditableFile) throws -> Void, expecting expected: [Int: String],
        isRepair: Bool = false, then next: (_ state: String, _ disk: String) throws -> Void = { _, _ in }
    ) throws -> Int {
        let before = try contents(of: image)
        let first = try CheckResult.theirs(image)
        #expect((first.status != 0) == isRepair)
        let file = try EditableFile(path: image)
        let recorder = WriteRecorder(file)
        try change(try reader(file), recorder, file)
        let state = directory.file("state.qcow2")
        for writes in recorder.survivors {
            try Tool.write(before.after(writes), to: state)
            let check = try CheckResult.theirs(state)
            if isRepair {
                // A cluster that is no longer leaked may not be marked as used once yet, which takes time but no data.
                #expect(check.leaks + check.corruptions <= first.leaks + first.corruptions, "\(check)")
            } else {
                // 3: clusters that nobody uses.
                #expect([0, 3].contains(check.status), "after \(writes.count) writes: \(check)")
            }
            if writes.count == recorder.writes.count { #expect(check.status == 0, "\(check)") }
            let info = try Tool.check("qemu-img", ["info", "-U", "--output=json", state])
            let json = try #require(try JSONSerialization.jsonObject(with: Data(info.utf8)) as? [String: Any])
            let size = try #require(json["virtual-size"] as? Int)
            let disk = try #require(expected[size], "\(size) bytes")
            try QEMU.requireIdentical(disk, state, format: "qcow2")
            try next(state, disk)
        }
        return recorder.writes.count
    }

    private func raw(_ name: String, size: Int) throws -> [Int: String] {
        let path = directory.file(name)
        if fileSize(path) == nil { try Tool.check("qemu-img", ["convert", "-O", "raw", image, path]) }
        try Tool.check("truncate", ["-s", "\(size)", path])
        return [size: path]
    }

    /// In clusters of 512 bytes an L1 entry stands for 32 KiB, a refcount block of 64 bits for 32 KiB of the file and a
    /// cluster of the refcount table for 2 MiB.
    @Test(
        arguments: [
            ("cluster_size=512,refcount_bits=64", 2_100_224), ("cluster_size=512,refcount_bits=64", 300 << 20),
            ("cluster_size=512,refcount_bits=1", 300 << 20), ("cluster_size=512,compat=0.10", 64 << 20),
            ("cluster_size=4k,refcount_bits=16", 8 << 30), ("cluster_size=64k,extended_l2=on", 1 << 40),
        ])
    func growingIsSafeAtEveryMoment(options: String, size: Int) throws {
        try create(options, size: "2M")
        let disks = try raw("before.raw", size: 2 << 20).merging(raw("after.raw", size: size)) { $1 }
        let writes = try interrupt(
            { reader, output, _ in try reader.resize(to: UInt64(size), output: output) }, expecting: disks)
        #expect(writes >= 1)
    }

    @Test(
        arguments: [
            "cluster_size=512,refcount_bits=64", "cluster_size=512,refcount_bits=1", "cluster_size=4k,compat=0.10",
            "cluster_size=64k,extended_l2=on",
        ], [1 << 20, 512])
    func shrinkingIsSafeAtEveryMoment(options: String, size: Int) throws {
        try create(options, size: "2M")
        let disks = try raw("before.raw", size: 2 << 20).merging(raw("after.raw", size: size)) { $1 }
        let writes = try interrupt(
            { reader, output, _ in try reader.resize(to: UInt64(size), output: output) }, expecting: disks,
            then: requireGrowth)
        #expect(writes >= 3)
    }

    /// Whatever an interruption left behind the end, a disk that grows again has zeros there.
    private func requireGrowth(_ state: String, _ disk: String) throws {
        let grown = directory.file("grown.raw")
        try Tool.check("cp", ["--sparse=always", disk, grown])
        try Tool.check("truncate", ["-s", "3M", grown])
        try Tool.check(Tool.converter, ["resize", state, "3M"])
        #expect(try [0, 3].contains(Tool.run("qemu-img", ["check", "-f", "qcow2", state]).status))
        try QEMU.requireIdentical(grown, state, format: "qcow2")
    }

    @Test func rebasingIsOneWrite() throws {
        let base = directory.file("base.qcow2")
        try Tool.check("qemu-img", ["create", "-q", "-f", "qcow2", base, "2M"])
        try create("cluster_size=4k,backing_file=\(base),backing_fmt=qcow2", size: "2M")
        let moved = directory.file("a longer name of the same file.qcow2")
        try FileManager.default.copyItem(atPath: base, toPath: moved)
        let writes = try interrupt(
            { reader, output, _ in
                try reader.rebase(to: BackingReference(name: moved, format: "qcow2"), output: output)
            },
            expecting: raw("disk.raw", size: 2 << 20))
        #expect(writes == 1)
        #expect(try Tool.check("qemu-img", ["info", image]).contains("backing file: \(moved)\n"))
    }

    /// How an image is damaged before it is repaired.
    enum Damage: CaseIterable {
        /// Everything has the refcount 2, and nothing is marked as used once.
        case lostSnapshot
        /// The refcounts must be made anew.
        case noRefcounts
    }

    @Test(arguments: Damage.allCases)
    func repairingIsSafeAtEveryMoment(damage: Damage) throws {
        try create("cluster_size=4k", size: "2M")
        let disks = try raw("disk.raw", size: 2 << 20)
        try Tool.check("qemu-img", ["snapshot", "-c", "gone", image])
        var bytes = try contents(of: image)
        switch damage {
        case .lostSnapshot: bytes.storeBigEndian(UInt32(0), at: 60)
        case .noRefcounts: bytes.storeBigEndian(UInt64(0), at: Int(bytes.bigEndian(UInt64.self, at: 48)))
        }
        try directory.write(bytes, to: "disk.qcow2")
        let writes = try interrupt(
            { reader, output, file in
                var report = CheckReport()
                let fixed = try reader.repair(.all, output: output, reopen: file.reader, &report)
                #expect(fixed != RepairCounts())
            }, expecting: disks, isRepair: true)
        #expect(writes >= 2)
    }

    /// Counts of clusters behind the end stand in the way of what will be stored there.
    @Test func repairingTakesBackCountsBehindTheEnd() throws {
        try create("cluster_size=4k", size: "2M")
        let disks = try raw("disk.raw", size: 2 << 20)
        var bytes = try contents(of: image)
        let clusters = bytes.count / 4096
        let table = Int(bytes.bigEndian(UInt64.self, at: 48))
        let block = Int(bytes.bigEndian(UInt64.self, at: table))
        bytes.storeBigEndian(UInt16(1), at: block + (clusters + 5) * 2)
        try directory.write(bytes, to: "disk.qcow2")
        let size = 1 << 40
        #expect(try Tool.run(Tool.converter, ["resize", image, "\(size)"]).status == 12)
        #expect(try contents(of: image) == bytes)
        try Tool.check(Tool.converter, ["check", "-q", "-r", "all", image])
        try Tool.check(Tool.converter, ["resize", image, "\(size)"])
        try QEMU.requireClean(image)
        try Tool.check("truncate", ["-s", "\(size)", try #require(disks[2 << 20])])
        try QEMU.requireIdentical(try #require(disks[2 << 20]), image, format: "qcow2")
    }
}
