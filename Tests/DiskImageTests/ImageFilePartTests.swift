import DiskImage
import TestSupport
import Testing

/// A part of a file behaves like a file of its own.
@Suite struct ImageFilePartTests {
    let directory: TemporaryDirectory
    let whole: ImageFile

    init() throws {
        directory = try TemporaryDirectory()
        let bytes = (0..<10_000).map { UInt8(truncatingIfNeeded: $0 / 7) }
        whole = try ImageFile(path: try directory.write(bytes, to: "whole"), lock: false)
    }

    @Test func readsFromItsStartAndEndsAtItsEnd() throws {
        let part = ImageFile(part: 1000..<3000, of: whole, name: "part")
        #expect(part.size == 2000 && part.path == whole.path + "/part")
        #expect(try part.read(at: 10, count: 500, what: "x") == (1010..<1510).map { UInt8(truncatingIfNeeded: $0 / 7) })
        #expect(try part.readPrefix(65536).count == 2000)
        let error = #expect(throws: ImageError.self) { try part.read(at: 1900, count: 101, what: "x") }
        #expect(error?.code == .inputDamaged && error?.path == part.path)
    }

    @Test func aPartOfAPartCountsFromItsOwnStart() throws {
        let part = ImageFile(part: 1000..<3000, of: whole, name: "part")
        let inner = ImageFile(part: 100..<200, of: part, name: "inner")
        #expect(try inner.read(at: 0, count: 100, what: "x") == (1100..<1200).map { UInt8(truncatingIfNeeded: $0 / 7) })
        #expect(inner.path == whole.path + "/part/inner")
    }

    @Test func isAnotherFileThanItsNeighboursAndTheWhole() throws {
        let identities = [0..<100, 100..<200].map { ImageFile(part: $0, of: whole, name: "x").identity }
        #expect(identities[0] != identities[1] && identities[1] != whole.identity)
        #expect(ImageFile(part: 100..<300, of: whole, name: "y").identity == identities[1])
    }

    @Test func keepsTheFileOpen() throws {
        var part: ImageFile?
        do {
            let file = try ImageFile(path: directory.file("whole"), lock: false)
            part = ImageFile(part: 70..<80, of: file, name: "part")
        }
        #expect(try part?.read(at: 0, count: 1, what: "x") == [10])
    }

    /// A hole from 1 MiB to 3 MiB, and parts that start and end inside and outside of it.
    @Test(arguments: [0, 4096, 1 << 20, 2 << 20, 3 << 20] as [UInt64], [1 << 20, 5 << 19, 4 << 20] as [UInt64])
    func knowsItsHoles(start: UInt64, end: UInt64) throws {
        let path = directory.file("sparse")
        try Tool.check(
            "sh",
            [
                "-c",
                "truncate -s 4M \(path) && for at in 0 3; do "
                    + "head -c 1M /dev/urandom | dd of=\(path) bs=1M seek=$at conv=notrunc status=none; done",
            ])
        guard start < end else { return }
        let part = ImageFile(part: start..<end, of: try ImageFile(path: path, lock: false), name: "part")
        let ranges = AllocatedRanges(file: part)
        var position: UInt64 = 0
        var runs: [String] = []
        while position < part.size {
            let run = ranges.run(at: position)
            runs.append("\(run.isData ? "data" : "hole") \(start + position)..<\(start + position + run.length)")
            position += run.length
        }
        let expected: [(String, Range<UInt64>)] = [
            ("data", 0..<1 << 20), ("hole", 1 << 20..<3 << 20), ("data", 3 << 20..<4 << 20),
        ]
        #expect(
            runs
                == expected.compactMap { kind, range in
                    let shared = range.clamped(to: start..<end)
                    return shared.isEmpty ? nil : "\(kind) \(shared)"
                })
    }
}
