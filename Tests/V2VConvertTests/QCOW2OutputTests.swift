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
        try #require((json("info")["format-specific"] as? [String: Any])?["data"] as? [String: Any])
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

    @Test(
        arguments: [QCOW2Options.Preallocation.metadata, .falloc, .full],
        ["cluster_size=64k", "cluster_size=512", "extended_l2=on", "compat=0.10"])
    func everyClusterHasAPlace(preallocation: QCOW2Options.Preallocation, form: String) async throws {
        var options = QCOW2Options()
        options.preallocation = preallocation
        options.clusterSize = form == "cluster_size=512" ? 512 : 65536
        options.hasExtendedL2 = form == "extended_l2=on"
        options.isVersion2 = form == "compat=0.10"
        // Mostly holes, before and behind the data and between: 12 MiB that are passed over.
        var content = [UInt8](repeating: 0, count: (16 << 20) + 1024)
        content.replaceSubrange(5_000_000..<5_500_000, with: DiskContent.mixed.bytes()[..<500_000])
        try await convert(content) { $0.format = .qcow2(options) }

        let check = try json("check", "-f", "qcow2")
        #expect(check["allocated-clusters"] as? Int == check["total-clusters"] as? Int)
        // As large as an image that QEMU preallocates.
        let theirs = directory.file("theirs.qcow2")
        try Tool.check(
            "qemu-img",
            ["create", "-q", "-f", "qcow2", "-o", "preallocation=metadata,\(form)", theirs, "\(content.count)"])
        let sizes = try [out, theirs].map { try #require(fileSize($0)) }
        #expect(abs(sizes[0] - sizes[1]) <= max(2 * options.clusterSize, sizes[1] / 256))
        let stored = try #require(Int(try Tool.check("stat", ["-c", "%b", out]).dropLast())) * 512
        #expect(preallocation == .metadata ? stored < content.count / 4 : stored >= content.count)
    }

    @Test func whatIsPreallocatedDoesNotDependOnHowZerosAreKnown() async throws {
        var options = QCOW2Options()
        options.preallocation = .metadata
        options.hasExtendedL2 = true
        let content = [UInt8](repeating: 0, count: 8 << 20) + DiskContent.mixed.bytes()
        try await convert(content) { $0.format = .qcow2(options) }
        let sparse = directory.file("sparse.qcow2")
        try QEMU.convert(directory.file("disk.raw"), to: sparse, format: "qcow2")
        let target = DiskImageTarget(path: directory.file("again.qcow2"), format: .qcow2(options))
        try await Converter(source: DiskImageSource(path: sparse), target: target).convert()
        #expect(try contents(of: out) == contents(of: target.path))
    }

    @Test(arguments: [false, true], ["cluster_size=64k", "cluster_size=4k", "extended_l2=on"])
    func dataIsInItsOwnFile(isRaw: Bool, form: String) async throws {
        var options = QCOW2Options()
        options.dataFile = directory.file("out.data")
        options.isDataFileRaw = isRaw
        options.clusterSize = form == "cluster_size=4k" ? 4096 : 65536
        options.hasExtendedL2 = form == "extended_l2=on"
        let content = DiskContent.mixed.bytes()
        try await convert(content) { $0.format = .qcow2(options) }
        #expect(try info()["data-file"] as? String == options.dataFile && info()["data-file-raw"] as? Bool == isRaw)
        #expect(try contents(of: directory.file("out.data")) == content)
        // As in QEMU's own: every cluster has its place if the file is to be the disk.
        let check = try json("check", "-f", "qcow2")
        #expect((check["allocated-clusters"] as? Int == check["total-clusters"] as? Int) == isRaw)
        // And back.
        try await Converter(
            source: DiskImageSource(path: out), target: DiskImageTarget(path: directory.file("back.raw"))
        )
        .convert()
        try QEMU.requireIdentical(directory.file("disk.raw"), directory.file("back.raw"), format: "raw")
    }

    @Test func theDataFileIsBesideTheImage() async throws {
        var options = QCOW2Options()
        options.dataFile = "disk.data"
        let raw = try directory.write(DiskContent.mixed.bytes(), to: "disk.raw")
        try directory.write([], to: "images/there", parents: true)
        var converter = Converter(
            source: DiskImageSource(path: raw),
            target: DiskImageTarget(path: directory.file("images/out.qcow2"), format: .qcow2(options)))
        try await converter.convert()
        // QEMU 7.2 takes the name from its current directory.
        let command =
            "cd '\(directory.file("images"))' && qemu-img compare ../disk.raw out.qcow2 && qemu-img check out.qcow2"
        try Tool.check("sh", ["-c", command])
        // Neither file is replaced unasked.
        unlink(directory.file("images/out.qcow2"))
        let error = await #expect(throws: ImageError.self) { try await converter.convert() }
        #expect(error?.code == .outputExists)
        converter.target.existing = .replace
        try await converter.convert()
        try Tool.check("sh", ["-c", command])
    }

    /// With subclusters a cluster has its place and shows the backing file all the same.
    @Test(arguments: [QCOW2Options.Preallocation.metadata, .falloc])
    func preallocatesOverABackingFile(preallocation: QCOW2Options.Preallocation) async throws {
        var base = DiskContent.mixed.bytes()
        for index in 3_000_000..<3_100_000 { base[index] ^= 0x55 }
        try directory.write(base, to: "base.raw")
        var options = QCOW2Options()
        options.hasExtendedL2 = true
        options.preallocation = preallocation
        options.backing = BackingFile(name: "base.raw", format: .raw)
        try await convert(DiskContent.mixed.bytes()) { $0.format = .qcow2(options) }
        let check = try json("check", "-f", "qcow2")
        #expect(check["allocated-clusters"] as? Int == check["total-clusters"] as? Int)
    }

    private func json(_ command: String, _ options: String...) throws -> [String: Any] {
        let json = try Tool.check("qemu-img", [command, "--output=json"] + options + [out])
        return try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
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
