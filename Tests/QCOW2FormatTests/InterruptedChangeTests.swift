import DiskImage
import Foundation
import TestSupport
import Testing

@testable import QCOW2Format

/// After every prefix of the writes of a change in place, as a crash may leave them, qemu-img finds the old image or the new
/// one, with nothing worse than clusters that nobody uses.
@Suite struct InterruptedChangeTests {
    let directory: TemporaryDirectory
    let image: String

    init() throws {
        directory = try TemporaryDirectory()
        image = directory.file("disk.qcow2")
    }

    /// Performs writes and remembers them.
    private final class Recorder: OutputSink {
        private let file: EditableFile
        private(set) var writes: [(offset: Int, bytes: [UInt8])] = []

        init(_ file: EditableFile) {
            self.file = file
        }

        func reserve(_ file: Int, upTo size: UInt64) {}
        func barrier() throws(ImageError) { try file.barrier() }

        func write(_ bytes: [UInt8], file: Int, at offset: HostOffset) throws(ImageError) {
            writes.append((Int(offset.bytes), bytes))
            try self.file.write(bytes, at: offset)
        }

        func writeZeros(at offset: HostOffset, length: UInt64) throws(ImageError) {
            try write([UInt8](repeating: 0, count: Int(length)), file: 0, at: offset)
        }
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

    /// Runs `change` and looks at what each prefix of its writes makes of the image.
    /// - Parameters:
    ///   - expected: raw disks by their size.
    ///   - next: is then given each state, and the disk that it has.
    private func interrupt(
        _ change: (QCOW2Reader, any OutputSink) throws -> Void, expecting expected: [Int: String],
        then next: (_ state: String, _ disk: String) throws -> Void = { _, _ in }
    ) throws -> Int {
        let before = try contents(of: image)
        let file = try EditableFile(path: image)
        let recorder = Recorder(file)
        try change(try reader(file), recorder)
        let state = directory.file("state.qcow2")
        for count in 0...recorder.writes.count {
            var bytes = before
            for write in recorder.writes[..<count] {
                let end = write.offset + write.bytes.count
                if end > bytes.count { bytes += [UInt8](repeating: 0, count: end - bytes.count) }
                bytes.replaceSubrange(write.offset..<end, with: write.bytes)
            }
            try Tool.write(bytes, to: state)
            let check = try Tool.run("qemu-img", ["check", "-f", "qcow2", state])
            // 3: clusters that nobody uses.
            #expect([0, 3].contains(check.status), "after \(count) writes: \(check.output)\(check.error)")
            if count == 0 || count == recorder.writes.count { #expect(check.status == 0, "\(check.output)") }
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
        let writes = try interrupt({ try $0.resize(to: UInt64(size), output: $1) }, expecting: disks)
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
            { try $0.resize(to: UInt64(size), output: $1) }, expecting: disks, then: requireGrowth)
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
            { try $0.rebase(to: BackingReference(name: moved, format: "qcow2"), output: $1) },
            expecting: raw("disk.raw", size: 2 << 20))
        #expect(writes == 1)
        #expect(try Tool.check("qemu-img", ["info", image]).contains("backing file: \(moved)\n"))
    }
}
