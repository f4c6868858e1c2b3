import ByteLayout
import Foundation
import TestSupport
import Testing

/// What a check takes is bounded, whatever the image.
@Suite(.serialized) struct CheckScaleTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    /// The file is a TiB long, so it takes several windows of clusters; some of it is leaked.
    @Test func terabytesTakeLittleMemory() throws {
        let image = directory.file("large.qcow2")
        try Tool.check("qemu-img", ["create", "-q", "-f", "qcow2", image, "4T"])
        try Tool.check("qemu-io", ["-c", "write 3T 1M", "-c", "write 1G 64k", image])
        #expect(truncate(image, 1 << 40) == 0)
        // The next cluster is allocated where the file ends.
        try Tool.check("qemu-io", ["-c", "write 2T 2M", image])
        try requireBounded(image)
        #expect(try CheckResult.ours(image) == CheckResult.theirs(image))
    }

    /// Every entry of the L1 table leads into the L1 table, which so is every L2 table, too, and the data.
    @Test(arguments: [(9, 1 << 30), (16, 1 << 40), (21, 1 << 50), (16, 1 << 60)])
    func tablesThatAreTheirOwnDataEndSoon(clusterBits: Int, fileSize: Int) throws {
        let l1Count = 1 << 19
        let l1 = 2 << clusterBits
        var header = [UInt8](repeating: 0, count: 72)
        header.replaceSubrange(0..<4, with: Array("QFI".utf8) + [0xFB])
        header.storeBigEndian(UInt32(2), at: 4)
        header.storeBigEndian(UInt32(clusterBits), at: 20)
        header.storeBigEndian(UInt64(l1Count) << UInt64(clusterBits), at: 24)
        header.storeBigEndian(UInt32(l1Count), at: 36)
        header.storeBigEndian(UInt64(l1), at: 40)
        header.storeBigEndian(UInt64(1 << clusterBits), at: 48)
        header.storeBigEndian(UInt32(1), at: 56)
        var table = [UInt8](repeating: 0, count: l1Count * 8)
        let clusters = max(1, table.count >> clusterBits)
        for index in 0..<l1Count {
            table.storeBigEndian(UInt64(l1 + (index * 7 % clusters) << clusterBits), at: index * 8)
        }
        let image = try directory.write([(0, header), (l1, table)], to: "hostile.qcow2")
        // Where the filesystem has no files of that size there is nothing to be tried.
        guard truncate(image, fileSize) == 0 else { return }
        try requireBounded(image, statuses: [1, 2])
    }

    /// Bytes that are not UTF-8 take three when they are made text.
    @Test(arguments: [["check"], ["check", "-r", "all"], ["info"], ["snapshot", "-l"]])
    func namesTakeLittleMemory(command: [String]) throws {
        let image = directory.file("names.qcow2")
        try Tool.check("qemu-img", ["create", "-q", "-f", "qcow2", image, "1M"])
        var bytes = try contents(of: image)
        let table = bytes.count.alignedUp(to: 65536)
        var snapshot = [UInt8](repeating: 0, count: 56) + [UInt8](repeating: 0xFF, count: 65504)
        snapshot.storeBigEndian(UInt16(65504), at: 14)
        snapshot.storeBigEndian(UInt32(16), at: 36)
        bytes.storeBigEndian(UInt32(250), at: 60)
        bytes.storeBigEndian(UInt64(table), at: 64)
        try directory.write(
            [(0, bytes)] + (0..<250).map { (table + $0 * snapshot.count, snapshot) }, to: "names.qcow2")
        let (result, memory, _) = try Tool.measure(command + [image])
        #expect(result.status == (command[0] == "check" ? 1 : 13), "\(result)")
        #expect(result.error.contains("names"), "\(result)")
        #expect(memory < SparseScaleTests.memoryBound)
    }

    private func requireBounded(_ image: String, statuses: [Int32] = [0, 2, 3]) throws {
        let (result, memory, _) = try Tool.measure(["check", "-q", image])
        #expect(statuses.contains(result.status), "\(result)")
        #expect(memory < SparseScaleTests.memoryBound)
    }
}
