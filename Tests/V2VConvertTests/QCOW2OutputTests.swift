import Foundation
import TestSupport
import Testing
import V2VConvert

/// The forms of qcow2 output that content alone does not tell, judged by what qemu-img says of them.
@Suite struct QCOW2OutputTests {
    let directory: TemporaryDirectory
    let out: String

    init() throws {
        directory = try TemporaryDirectory()
        out = directory.file("out.qcow2")
    }

    private func convert(_ content: [UInt8], _ change: (inout DiskImageTarget) -> Void) async throws {
        let raw = try directory.write(content, to: "disk.raw")
        var target = DiskImageTarget(path: out)
        change(&target)
        try await Converter(source: DiskImageSource(path: raw), target: target).convert()
        try QEMU.requireClean(out)
        try QEMU.requireIdentical(raw, out, format: "qcow2")
    }

    private func info() throws -> [String: Any] {
        let json = try Tool.check("qemu-img", ["info", "--output=json", out])
        let object = try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
        return try #require((object["format-specific"] as? [String: Any])?["data"] as? [String: Any])
    }

    @Test func optionsAreInTheHeader() async throws {
        var options = QCOW2Options()
        options.hasExtendedL2 = true
        options.hasLazyRefcounts = true
        try await convert(DiskContent.mixed.bytes()) { $0.format = .qcow2(options) }
        #expect(try info()["extended-l2"] as? Bool == true && info()["lazy-refcounts"] as? Bool == true)
    }

    @Test(arguments: [14, 16, 18])
    func zeroSubclustersAreToldFromData(clusterBits: Int) async throws {
        var options = QCOW2Options()
        options.hasExtendedL2 = true
        options.clusterSize = 1 << clusterBits
        let subcluster = options.clusterSize / 32
        // Every third subcluster has data, in its last byte.
        var content = [UInt8](repeating: 0, count: 200 * subcluster)
        for index in stride(from: subcluster - 1, to: content.count, by: 3 * subcluster) { content[index] = 1 }
        try await convert(content) { $0.format = .qcow2(options) }
        let json = try Tool.check("qemu-img", ["map", "--output=json", out])
        let extents = try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [[String: Any]])
        var stored = Set<Int>()
        for extent in extents where extent["data"] as? Bool == true {
            let start = try #require(extent["start"] as? Int)
            let length = try #require(extent["length"] as? Int)
            stored.formUnion(start / subcluster..<(start + length) / subcluster)
        }
        #expect(stored == Set(stride(from: 0, to: 200, by: 3)))
        try Tool.check(
            "qemu-io",
            [
                "-r", "-f", "qcow2", "-c", "read -P 0 0 \(subcluster - 1)", "-c", "read -P 1 \(subcluster - 1) 1", "-c",
                "read -P 0 \(subcluster) \(3 * subcluster - 1)", out,
            ])
    }

    /// dissect.hypervisor inflates clusters with a window of 4 KiB, in steps.
    @Test(.enabled(if: hasDissect, "needs the Python package dissect.hypervisor"), arguments: [0, 1, 6])
    func readersThatInflateInStepsReadTheSmallWindow(level: Int) async throws {
        let content = (0..<2).flatMap { _ in DiskContent.mixed.bytes() }
        try await convert(content) {
            $0.compresses = true
            $0.compressionLevel = level
            $0.deflateWindow = .kib4
        }
        let script = """
            import sys
            from pathlib import Path
            from dissect.hypervisor.disk.qcow2 import QCow2
            expected = Path(sys.argv[2]).read_bytes()
            image = QCow2(Path(sys.argv[1]))
            assert image.size == len(expected)
            assert image.open().read() == expected
            """
        try Tool.check("python3", ["-c", script, out, directory.file("disk.raw")])
    }

    static let hasDissect = (try? Tool.run("python3", ["-c", "import dissect.hypervisor"]).status) == 0
}
