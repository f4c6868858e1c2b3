import Foundation
import TestSupport
import Testing
import V2VConvert

/// Overlays that are written over a backing file (`-B`), judged by qemu-img over the chain.
@Suite struct BackingOutputTests {
    static let cluster = 65536
    let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    /// The content of the backing file, and that of the disk: the same but for a byte at each end of some clusters, zeros
    /// over data, data over zeros, and a last cluster that differs.
    static let base = DiskContent.mixed.bytes()
    static let changed: [UInt8] = {
        var bytes = base
        for number in [0, 3, 17, 40, 100, 143] { bytes[number * cluster] ^= 0xFF }
        for number in [5, 18] { bytes[(number + 1) * cluster - 1] ^= 0xFF }
        // Clusters, and parts of one, that become zero; some of them were.
        for range in [20..<29, 60..<64] {
            for index in range.lowerBound * cluster..<range.upperBound * cluster { bytes[index] = 0 }
        }
        for index in 77 * cluster..<77 * cluster + 9000 { bytes[index] = 0 }
        bytes[bytes.count - 1] ^= 0xFF
        return bytes
    }()

    /// Converts `disk` over a backing file of `format` with the content `base`.
    private func convert(
        _ disk: [UInt8], over base: [UInt8], format: String = "raw", source: String = "raw",
        _ change: (inout Converter, inout QCOW2Options) -> Void = { _, _ in }
    ) async throws -> String {
        let raw = try directory.write(base, to: "base.raw")
        if format != "raw" { try QEMU.convert(raw, to: directory.file("base." + format), format: format) }
        let disk = try directory.write(disk, to: "disk.raw")
        if source != "raw" { try QEMU.convert(disk, to: directory.file("disk." + source), format: source) }
        let out = directory.file("out.qcow2")
        var options = QCOW2Options()
        options.backing = BackingFile(name: "base." + format, format: ImageFormat(rawValue: format))
        var converter = Converter(
            source: DiskImageSource(path: directory.file("disk." + source)), target: DiskImageTarget(path: out))
        converter.target.existing = .replace
        change(&converter, &options)
        converter.target.format = .qcow2(options)
        try await converter.convert()
        try QEMU.requireClean(out)
        try QEMU.requireIdentical(disk, out, format: "qcow2")
        return out
    }

    /// The clusters that `image` itself has, as data or as zeros.
    private func ownClusters(_ image: String, size: Int = cluster) throws -> [Int] {
        let json = try Tool.check("qemu-img", ["map", "--output=json", image])
        let extents = try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [[String: Any]])
        return try extents.filter { $0["depth"] as? Int == 0 && $0["present"] as? Bool == true }.flatMap { extent in
            let start = try #require(extent["start"] as? Int)
            let length = try #require(extent["length"] as? Int)
            return Array(start / size..<(start + length + size - 1) / size)
        }
    }

    /// The clusters in which two disks differ; behind the end of one there are zeros.
    private func differing(_ disk: [UInt8], _ base: [UInt8], size: Int = cluster) -> [Int] {
        stride(from: 0, to: disk.count, by: size).filter { start in
            let end = min(start + size, disk.count)
            let below = base[min(start, base.count)..<min(end, base.count)]
            return disk[start..<end] != below + [UInt8](repeating: 0, count: end - start - below.count)
        }.map { $0 / size }
    }

    @Test(arguments: ["raw", "qcow2", "vmdk"], ["raw", "qcow2", "vmdk"])
    func onlyClustersThatDifferAreStored(format: String, source: String) async throws {
        let out = try await convert(Self.changed, over: Self.base, format: format, source: source)
        #expect(try ownClusters(out) == differing(Self.changed, Self.base))
        let info = try Tool.check("qemu-img", ["info", out])
        #expect(info.contains("backing file: base.\(format)") && info.contains("backing file format: \(format)"))
    }

    @Test(arguments: ["compat=0.10", "-c", "-c zstd", "extended", "-c extended", "-S 0", "-S 1M"])
    func everyKindOfCluster(kind: String) async throws {
        let out = try await convert(Self.changed, over: Self.base, format: "qcow2") { converter, options in
            converter.target.compresses = kind.hasPrefix("-c")
            options.compression = kind.hasSuffix("zstd") ? .zstd : .zlib
            options.hasExtendedL2 = kind.hasSuffix("extended")
            options.isVersion2 = kind == "compat=0.10"
            converter.target.minimumZeroRun = ["-S 0": 0, "-S 1M": 1 << 20][kind]
        }
        // With subclusters only they are stored, unless the whole cluster is compressed.
        let size = kind == "extended" ? 2048 : Self.cluster
        #expect(try ownClusters(out, size: size) == differing(Self.changed, Self.base, size: size))
    }

    @Test(arguments: [9, 12, 21])
    func everySizeOfClusters(bits: Int) async throws {
        let out = try await convert(Self.changed, over: Self.base, format: "qcow2") { $1.clusterSize = 1 << bits }
        #expect(try ownClusters(out, size: 1 << bits) == differing(Self.changed, Self.base, size: 1 << bits))
    }

    /// Behind the end of a backing file there are zeros; what it has behind the end of the disk is not the disk's.
    @Test(arguments: [-70000, -512, -1, 1, 512, 200_000, 5_000_000])
    func theDiskMayBeSmallerOrLarger(difference: Int) async throws {
        let noise = (0..<5_000_000).map { UInt8(truncatingIfNeeded: $0 / 100_000 % 2 * ($0 * 7 + 1)) }
        var disk = Self.base
        if difference < 0 { disk.removeLast(-difference) } else { disk += noise[..<difference] }
        let out = try await convert(disk, over: Self.base)
        // Of a last sector in which the disk ends the rest is zero.
        let whole = disk + [UInt8](repeating: 0, count: (512 - disk.count % 512) % 512)
        #expect(try ownClusters(out) == differing(whole, Self.base))
    }

    @Test func theSameDiskNeedsNothing() async throws {
        let out = try await convert(Self.base, over: Self.base, format: "vmdk")
        #expect(try ownClusters(out).isEmpty)
    }

    /// A snapshot of the backing file: what it does not store is not read.
    @Test func whatIsKnownToBeTheSameIsNotRead() async throws {
        try QEMU.convert(
            try directory.write(Self.base, to: "base.raw"), to: directory.file("base.qcow2"), format: "qcow2")
        let snapshot = directory.file("snapshot.qcow2")
        try Tool.check("qemu-img", ["create", "-q", "-f", "qcow2", "-b", "base.qcow2", "-F", "qcow2", snapshot])
        try Tool.check("qemu-io", ["-f", "qcow2", "-c", "write -P 7 200000 70000", "-c", "write -z 1M 1M", snapshot])
        var options = QCOW2Options()
        options.backing = BackingFile(name: "base.qcow2")
        let target = DiskImageTarget(path: directory.file("out.qcow2"), format: .qcow2(options))
        let report = try await Converter(source: DiskImageSource(path: snapshot), target: target).convert()
        #expect(report.bytesRead <= 4 * 65536)
        try Tool.check("qemu-img", ["compare", snapshot, target.path])
        try QEMU.requireClean(target.path)
        #expect(try ownClusters(target.path).allSatisfy { [3, 4].contains($0) || (16..<32).contains($0) })
    }

    @Test(arguments: [1, 2, 8])
    func workersDoNotMatter(workers: Int) async throws {
        let disk = (0..<4).flatMap { $0 == 2 ? Self.base : Self.changed }
        let base = (0..<4).flatMap { _ in Self.base }
        var outputs: Set<[UInt8]> = []
        for workers in [1, workers] {
            let out = try await convert(disk, over: base, format: "qcow2") { converter, _ in
                converter.workers = workers
                converter.target.compresses = true
            }
            outputs.insert(try contents(of: out))
        }
        #expect(outputs.count == 1)
    }

    // MARK: Names

    private func failure(_ backing: BackingFile, _ change: (inout Converter) -> Void = { _ in }) async -> ImageError? {
        var options = QCOW2Options()
        options.backing = backing
        var converter = Converter(
            source: DiskImageSource(path: directory.file("disk.raw")),
            target: DiskImageTarget(path: directory.file("out.qcow2"), format: .qcow2(options)))
        change(&converter)
        do {
            try await converter.convert()
            return nil
        } catch {
            return error as? ImageError
        }
    }

    @Test func namesCountFromTheOutputsDirectory() async throws {
        try directory.write(Self.changed, to: "disk.raw")
        try directory.write(Self.base, to: "images/base.raw", parents: true)
        let absolute = directory.file("images/base.raw")
        for (name, out) in [("images/base.raw", "out.qcow2"), ("base.raw", "images/out.qcow2"), (absolute, "b.qcow2")] {
            #expect(
                await failure(BackingFile(name: name, format: .raw)) { $0.target.path = directory.file(out) } == nil)
            try QEMU.requireIdentical(directory.file("disk.raw"), directory.file(out), format: "qcow2")
        }
    }

    @Test func badNamesAreRefused() async throws {
        try directory.write(Self.changed, to: "disk.raw")
        try directory.write(Self.base, to: "a:b.raw")
        #expect(await failure(BackingFile(name: "none.raw", format: .raw))?.code == .inputUnreadable)
        #expect(await failure(BackingFile(name: "", format: .raw))?.code == .invalidOption)
        #expect(await failure(BackingFile(name: "a:b.raw", format: .raw))?.advice?.contains("./") == true)
        let long = String(repeating: "./", count: 600) + "a:b.raw"
        #expect(await failure(BackingFile(name: long, format: .raw))?.code == .invalidOption)
        // What looks raw must be called so.
        #expect(await failure(BackingFile(name: "./a:b.raw"))?.advice?.contains("-F raw") == true)
        #expect(await failure(BackingFile(name: "./a:b.raw", format: .qcow2))?.code == .inputFormat)
        #expect(directory.names == ["a:b.raw", "disk.raw"])
        #expect(await failure(BackingFile(name: "./a:b.raw", format: .raw)) == nil)
        try QEMU.requireIdentical(directory.file("disk.raw"), directory.file("out.qcow2"), format: "qcow2")
    }

    @Test func theOutputMustNotReplaceItsBackingFile() async throws {
        try directory.write(Self.changed, to: "disk.raw")
        try directory.write(Self.base, to: "base.raw")
        let error = await failure(BackingFile(name: "base.raw", format: .raw)) {
            $0.target.path = directory.file("base.raw")
            $0.target.existing = .replace
        }
        #expect(error?.code == .outputExists)
        #expect(try contents(of: directory.file("base.raw")) == Self.base)
    }

    /// What the backing file names is followed by the rules for every image.
    @Test func theBackingFilesOwnReferencesStayInside() async throws {
        try directory.write(Self.changed, to: "in/disk.raw", parents: true)
        let outside = try directory.write(Self.base, to: "outside.raw")
        let base = directory.file("in/base.qcow2")
        try Tool.check("qemu-img", ["create", "-q", "-f", "qcow2", "-b", outside, "-F", "raw", base])
        for isAllowed in [false, true] {
            let error = await failure(BackingFile(name: "base.qcow2")) {
                $0.source.path = directory.file("in/disk.raw")
                $0.source.allowsOutsideFiles = isAllowed
                $0.target.path = directory.file("in/out.qcow2")
            }
            #expect(error?.code == (isAllowed ? nil : .inputUnsupported))
        }
        try QEMU.requireIdentical(directory.file("in/disk.raw"), directory.file("in/out.qcow2"), format: "qcow2")
    }
}
