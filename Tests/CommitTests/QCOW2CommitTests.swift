import Conversion
import DiskImage
import Foundation
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
        _ = try reader.commit(changes, output: recorder)
        return recorder.survivors
    }

    /// Whichever writes a crash lets through, qemu-img finds the old disk or the new one, with nothing worse than clusters
    /// that nobody uses; and none of these when all were written.
    @Test(arguments: QCOW2Kind.all) func committingIsSafeAtEveryMoment(kind: QCOW2Kind) throws {
        let (image, raw) = try kind.make(in: directory)
        try QEMU.requireClean(image)
        let old = try contents(of: image)
        let disk = try ChangedDisk(raw, seed: UInt64(kind.testDescription.utf8.count))
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
        }
        try QEMU.requireClean(image)
        try QEMU.requireIdentical(disk.after, image, format: "qcow2")
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
}
