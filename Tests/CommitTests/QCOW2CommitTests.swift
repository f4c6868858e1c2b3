import Conversion
import DiskImage
import Foundation
import GuestDisk
import TestSupport
import Testing

@testable import QCOW2Format
@testable import V2VConvert

/// Changes that are committed to qcow2 images, judged by qemu-img.
@Suite struct QCOW2CommitTests {
    let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    /// Commits `disk` to `image`.
    /// - Returns: what a crash may have left of the writes; the first without any, and one with all.
    private func commit(_ disk: ChangedDisk, to image: String) throws -> [[WriteRecorder.Write]] {
        let file = try EditableFile(path: image)
        let reader = try QCOW2Reader(file: file.reader(), opener: DiskImageSource(path: image).makeOpener())
        let layer = try disk.layer()
        let merged = LayeredMap(layer, over: try reader.makeMap())
        let content = try ContentReader(files: merged.files)
        let changes = DiskChanges(layer: layer) { (range) throws(ImageError) in try content.bytes(range, of: merged) }
        let recorder = WriteRecorder(file)
        let change = try #require(try reader.prepare(changes, output: recorder))
        try change.makeLastStep(recorder)
        try change.finish()
        return recorder.survivors
    }

    /// Commits random changes to `image`, and looks at what each crash would have made of it.
    /// - Parameter isRepeated: then commits them again.
    private func requireSafety(_ image: String, _ raw: String, seed: UInt64, isRepeated: Bool = false) throws {
        try QEMU.requireClean(image)
        let old = try contents(of: image)
        let disk = try ChangedDisk(raw, seed: seed)
        let survivors = try commit(disk, to: image)
        let all = try #require(survivors.max { $0.count < $1.count })
        let headers = all.filter { $0.offset == 0 }
        #expect(headers.count == 1)
        #expect(headers.allSatisfy { $0.bytes.count <= 512 })
        let state = directory.file("state.qcow2")
        for writes in survivors {
            try Tool.write(old.after(writes), to: state)
            let check = try CheckResult.theirs(state)
            // 3: clusters that nobody uses.
            #expect([0, 3].contains(check.status), "after \(writes.count) writes: \(check)")
            let isNew = writes.contains { $0.offset == 0 }
            try QEMU.requireIdentical(isNew ? disk.after : disk.before, state, format: "qcow2")
            if isRepeated { try requireRepetition(disk, state) }
        }
        try QEMU.requireClean(image)
        try QEMU.requireIdentical(disk.after, image, format: "qcow2")
    }

    /// Whatever was interrupted can be done again without a repair before.
    private func requireRepetition(_ disk: ChangedDisk, _ state: String) throws {
        _ = try ImageCommit(DiskImageSource(path: state)).commit(disk.layer())
        #expect(try [0, 3].contains(CheckResult.theirs(state).status))
        try QEMU.requireIdentical(disk.after, state, format: "qcow2")
    }

    /// Whichever writes a crash lets through, qemu-img finds the old disk or the new one, with nothing worse than clusters
    /// that nobody uses; and none of these when all were written.
    @Test(arguments: QCOW2Kind.all) func committingIsSafeAtEveryMoment(kind: QCOW2Kind) throws {
        let (image, raw) = try kind.make(in: directory)
        try requireSafety(
            image, raw, seed: UInt64(kind.testDescription.utf8.count), isRepeated: kind.options.contains("512"))
        if kind.hasSnapshot { try requireSnapshot(image) }
    }

    /// The snapshot has what the disk had when it was taken.
    private func requireSnapshot(_ image: String) throws {
        let reads = ["read -q -P 1 4k 20k", "read -q -P 2 120k 40k", "read -q -P 0 64k 16k"].flatMap { ["-c", $0] }
        try Tool.check("qemu-img", ["snapshot", "-a", "before", image])
        let output = try Tool.check("qemu-io", reads + [image])
        #expect(!output.contains("verification failed"), "\(output)")
        try QEMU.requireClean(image)
    }

    /// In clusters of 512 bytes with refcounts of 64 bits a cluster of the refcount table stands for 2 MiB of the file.
    @Test func aFullRefcountTableMoves() throws {
        let image = directory.file("disk.qcow2")
        try Tool.check(
            "qemu-img", ["create", "-q", "-f", "qcow2", "-o", "cluster_size=512,refcount_bits=64", image, "2M"])
        var written = 0
        while let size = fileSize(image), size < (2 << 20) - 8192 {
            let count = max(2048, ((2 << 20) - size) / 2 / 512 * 512)
            try Tool.check("qemu-io", ["-c", "write -q -P 7 \(written) \(count)", image])
            written += count
        }
        let raw = directory.file("disk.raw")
        try Tool.check("qemu-img", ["convert", "-O", "raw", image, raw])
        let table = try contents(of: image)[48..<56]
        try requireSafety(image, raw, seed: 1, isRepeated: true)
        #expect(try contents(of: image)[48..<56] != table)
    }

    /// What one commit gives back the next one takes.
    @Test(arguments: ["cluster_size=4k", "cluster_size=512,refcount_bits=64", "cluster_size=64k,extended_l2=on"])
    func manyCommitsDoNotGrowTheFile(options: String) throws {
        let kind = QCOW2Kind(options: options, isCompressed: true)
        var (image, raw) = try kind.make(in: directory)
        // From then on all clusters are stored as they are.
        let full = try ChangedDisk(raw, seed: 0, count: 200)
        _ = try commit(full, to: image)
        raw = full.after
        var sizes: [Int] = []
        /// Bytes that a commit wrote, tables included.
        var largest = 0
        for seed in 1...12 {
            let disk = try ChangedDisk(raw, seed: UInt64(seed))
            let survivors = try commit(disk, to: image)
            largest = survivors.reduce(largest) { max($0, $1.reduce(0) { $0 + $1.bytes.count }) }
            raw = disk.after
            sizes.append(try #require(fileSize(image)))
        }
        try QEMU.requireClean(image)
        try QEMU.requireIdentical(raw, image, format: "qcow2")
        // All of them wrote 12 times as much.
        #expect(try #require(sizes.last) - sizes[0] <= largest, "\(sizes)")
    }

    /// What a program that knows bitmaps would find is the autoclear bit cleared; their storage is free.
    @Test func bitmapsAreGivenUp() throws {
        let (image, raw) = try QCOW2Kind(options: "cluster_size=4k", hasBitmap: true).make(in: directory)
        #expect(try Tool.check("qemu-img", ["info", image]).contains("name: dirty"))
        let disk = try ChangedDisk(raw, seed: 5)
        let report = try ImageCommit(DiskImageSource(path: image)).commit(disk.layer())
        #expect(report.droppedBitmaps == ["dirty"])
        #expect(try !Tool.check("qemu-img", ["info", image]).contains("name: dirty"))
        try QEMU.requireClean(image)
        // A writer drops the rest of them.
        try Tool.check("qemu-io", ["-c", "write -q 0 4k", image])
        try QEMU.requireClean(image)
    }

    @Test func withoutChangesNothingIsWritten() throws {
        let (image, raw) = try QCOW2Kind(options: "cluster_size=4k").make(in: directory)
        let before = try contents(of: image)
        let overlay = try OverlayDevice(over: MemoryDevice(contents(of: raw)))
        let report = try ImageCommit(DiskImageSource(path: image)).commit(overlay.layer())
        #expect(report == CommitReport())
        #expect(try contents(of: image) == before)
    }
}
