import Foundation
import TestSupport
import Testing

/// What a conversion costs follows the data, not the size of the disk. (The time is the benchmark's business.)
@Suite(.serialized) struct SparseScaleTests {
    /// The bound that README.md states, in KiB.
    static let memoryBound = 128 << 10

    @Test(arguments: ["raw", "vmdk", "qcow2"])
    func terabytesWithLittleDataTakeLittleMemory(format: String) throws {
        let directory = try TemporaryDirectory()
        let raw = directory.file("disk.raw")
        // 2 TiB is where hosted sparse VMDKs end, less what QEMU rounds up.
        let size = format == "vmdk" ? (2 << 40) - (1 << 20) : 4 << 40
        try scatter(raw, size: size)
        var source = raw
        if format != "raw" {
            source = directory.file("disk." + format)
            try QEMU.convert(raw, to: source, format: format)
        }
        let (checksum, checksumMemory, _) = try Tool.measure(["checksum", source])
        #expect(checksum.status == 0 && checksumMemory < Self.memoryBound, "\(checksum.error)")
        for (output, options) in [("out.qcow2", ["-c"]), ("out.vhdx", ["-o", "block_size=2M"]), ("out.raw", [])] {
            let (result, peakMemory, _) = try Tool.measure(
                ["-q", "--force"] + options + [source, directory.file(output)])
            #expect(result.status == 0, "\(result.error)")
            #expect(peakMemory < Self.memoryBound)
        }
        let copy = try Tool.run(Tool.converter, ["checksum", directory.file("out.qcow2")])
        #expect(copy.output.prefix(69) == checksum.output.prefix(69))
        try QEMU.requireClean(directory.file("out.qcow2"))
        try requireScattered(directory.file("out.raw"), size: size)
        try QEMU.requireIdentical(raw, directory.file("out.qcow2"), format: "qcow2")
        try QEMU.requireContent(
            directory.file("out.vhdx"), format: "vhdx", size: size,
            pieces: offsets(size).enumerated().flatMap { index, offset in
                [(offset, 1 << 20, index + 1)] + (index > 0 ? [(offset - 4096, 4096, 0)] : [])
            })
    }

    /// 64 MiB in 64 pieces.
    private func scatter(_ path: String, size: Int) throws {
        let file = open(path, O_RDWR | O_CREAT, 0o600)
        defer { close(file) }
        ftruncate(file, off_t(size))
        for (index, offset) in offsets(size).enumerated() {
            let piece = [UInt8](repeating: UInt8(index + 1), count: 1 << 20)
            try #require(pwrite(file, piece, piece.count, off_t(offset)) == piece.count)
        }
    }

    private func offsets(_ size: Int) -> [Int] {
        (0..<64).map { $0 * ((size - (1 << 20)) / 63) / 512 * 512 }
    }

    private func requireScattered(_ path: String, size: Int) throws {
        let file = open(path, O_RDONLY)
        defer { close(file) }
        for (index, offset) in offsets(size).enumerated() {
            var piece = [UInt8](repeating: 0, count: 1 << 20)
            try #require(pread(file, &piece, piece.count, off_t(offset)) == piece.count)
            #expect(piece.allSatisfy { $0 == UInt8(index + 1) })
        }
    }
}
