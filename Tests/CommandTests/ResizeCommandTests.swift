import ByteLayout
import Foundation
import TestSupport
import Testing

/// `resize` beside `qemu-img resize` of a raw copy of the disk.
@Suite struct ResizeCommandTests {
    let directory: TemporaryDirectory
    let image: String
    let raw: String

    init() throws {
        directory = try TemporaryDirectory()
        image = directory.file("disk.qcow2")
        raw = directory.file("disk.raw")
    }

    private func create(_ options: String, size: String = "3M") throws {
        try Tool.check("qemu-img", ["create", "-q", "-f", "qcow2", "-o", options, image, size])
        try Tool.check("qemu-io", ["-c", "write -P 1 0 300k", "-c", "write -P 2 2500k 300k", image])
    }

    private func resize(_ arguments: String...) throws -> Tool.Result {
        try Tool.run(Tool.converter, ["resize"] + arguments)
    }

    /// Each step once crosses the end of what an L1 table has room for, or a cluster's end.
    private static let steps = ["3500k", "+40M", "700M", "-600M", "2600k", "1M", "+3M"]

    @Test(
        arguments: [1, 2, 4, 8, 16, 32, 64].map { "cluster_size=512,refcount_bits=\($0)" }
            + ["cluster_size=512,compat=0.10", "cluster_size=4k,refcount_bits=1", "cluster_size=64k,extended_l2=on"])
    func theImageStaysCleanAndItsContentTheSame(options: String) throws {
        try create(options)
        try Tool.check("qemu-img", ["convert", "-O", "raw", image, raw])
        for step in Self.steps {
            let result = try resize("--shrink", image, step)
            #expect(result.status == 0 && result.output == "Image resized.\n", "\(step): \(result.error)")
            try Tool.check("qemu-img", ["resize", "-q", "-f", "raw", "--shrink", raw, step])
            try QEMU.requireClean(image)
            try QEMU.requireIdentical(raw, image, format: "qcow2")
        }
        // And it can be written to: what the tables call free is free.
        try Tool.check("qemu-io", ["-c", "write -P 7 0 4M", image])
        try QEMU.requireClean(image)
    }

    @Test func shrinkingGivesStorageBack() throws {
        try Tool.check("qemu-img", ["create", "-q", "-f", "qcow2", image, "8M"])
        try Tool.check("qemu-io", ["-c", "write -P 1 0 8M", image])
        #expect(try resize("-q", "--shrink", image, "1M").output.isEmpty)
        #expect(try #require(Int(try Tool.check("stat", ["-c", "%b", image]).dropLast())) * 512 < 3 << 20)
        try QEMU.requireClean(image)
    }

    /// What refcounts that are too low call free may be in use by what stays.
    @Test(arguments: ["not counted", "used twice"])
    func aDamagedImageDoesNotShrink(damage: String) throws {
        var damaged = try DamagedImage.qcow2()
        if damage == "not counted" {
            let block = Int(damaged.bigEndian(at: damaged.refcountTable))
            damaged.bytes.storeBigEndian(UInt16(0), at: block + damaged.usedCluster * 2)
        } else {
            let last = damaged.l2 + (DamagedImage.content.size / 65536 - 1) * 8
            damaged.set64(damaged.bigEndian(at: damaged.usedL2Entry), bigEndianAt: last)
        }
        try Tool.write(damaged.bytes, to: image)
        #expect(try resize("--shrink", image, "5M").status == 12)
        #expect(try contents(of: image) == damaged.bytes)
        try Tool.check("qemu-img", ["check", "-q", "-r", "all", image])
        try Tool.check("qemu-img", ["convert", "-O", "raw", image, raw])
        #expect(try resize("--shrink", image, "5M").status == 0)
        try Tool.check("truncate", ["-s", "5M", raw])
        try QEMU.requireIdentical(raw, image, format: "qcow2")
    }

    /// Refused is what has changed nothing: here new tables would lie where the refcounts say that something is, and the
    /// old data behind the end of the disk would be cleared first.
    @Test func aRefusedGrowthChangesNothing() throws {
        try create("cluster_size=64k", size: "3000000")
        var bytes = try contents(of: image)
        let clusters = (bytes.count + 65535) / 65536
        let block = Int(bytes.bigEndian(UInt64.self, at: Int(bytes.bigEndian(UInt64.self, at: 48))))
        for cluster in clusters..<clusters + 2 { bytes.storeBigEndian(UInt16(1), at: block + cluster * 2) }
        // The data reaches as far as its cluster.
        bytes.storeBigEndian(UInt64(2_850_304), at: 24)
        try Tool.write(bytes, to: image)
        #expect(try resize(image, "6T").status == 12)
        #expect(try contents(of: image) == bytes)
        #expect(try resize(image, "5M").status == 0)
        try Tool.check("qemu-io", ["-r", "-c", "read -P 0 2850304 2392576", image])
    }

    @Test func compressedClustersAreCountedDown() throws {
        let content = DiskContent.mixed.bytes()
        try directory.write(content, to: "disk.raw")
        try QEMU.convert(raw, to: image, format: "qcow2", options: "cluster_size=4k", compress: true)
        #expect(try resize("--shrink", image, "5M").status == 0)
        try QEMU.requireClean(image)
        try Tool.check("truncate", ["-s", "5M", raw])
        try QEMU.requireIdentical(raw, image, format: "qcow2")
        // Behind an end inside a compressed cluster is what can't be cleared in place.
        let shrunk = try resize("--shrink", image, "3810304")
        #expect(shrunk.status == 0 && shrunk.error.contains("keeps the old data behind that"))
        #expect(try resize(image, "+1M").status == 13)
        try QEMU.requireClean(image)
    }

    @Test func internalSnapshotsStayAsTheyWere() throws {
        try create("cluster_size=512")
        try Tool.check("qemu-img", ["snapshot", "-c", "before", image])
        try Tool.check("qemu-img", ["convert", "-O", "raw", image, raw])
        #expect(try resize(image, "200M").status == 0)
        try QEMU.requireClean(image)
        #expect(try resize("--shrink", image, "1M").status == 13)
        try Tool.check("qemu-img", ["convert", "-l", "before", "-O", "qcow2", image, directory.file("old.qcow2")])
        // QEMU gives a snapshot the size that the disk has now.
        #expect(try QEMU.areIdentical(raw, directory.file("old.qcow2"), format: "qcow2"))
    }

    /// Such snapshots have the size that the disk has.
    @Test func aSnapshotWithoutASizeIsNotResized() throws {
        var old = try DamagedImage.qcow2Snapshot()
        old.set32(8, bigEndianAt: old.snapshotTable + 36)
        try Tool.write(old.bytes, to: image)
        #expect(try resize(image, "+1M").status == 13)
        #expect(try contents(of: image) == old.bytes)
        try Tool.check("qemu-img", ["check", "-q", "-r", "all", image])
        #expect(try resize(image, "+1M").status == 0)
    }

    @Test(arguments: ["off", "falloc", "full"])
    func rawDisksGrowAndShrink(preallocation: String) throws {
        let content = DiskContent.mixed.bytes()
        try directory.write(content, to: "disk.raw")
        #expect(try resize("-f", "raw", "--preallocation", preallocation, raw, "+7M").status == 0)
        let grown = try contents(of: raw)
        #expect(grown.count == content.count + (7 << 20) && grown.starts(with: content))
        #expect(grown[content.count...].allSatisfy { $0 == 0 })
        if preallocation != "off" {
            #expect(try #require(Int(try Tool.check("stat", ["-c", "%b", raw]).dropLast())) * 512 >= 7 << 20)
        }
        #expect(try resize("--shrink", "--preallocation", "full", raw, "1M").status == 2)
        #expect(try resize("--shrink", "--", raw, "-8M").status == 0)
        #expect(try contents(of: raw) == Array(grown.dropLast(8 << 20)))
    }

    @Test func whatMustNotBeChangedIsRefusedUntouched() throws {
        try create("cluster_size=64k")
        let before = try contents(of: image)
        #expect(try resize(image, "1M").status == 2 && resize(image, "-1M").status == 2)
        #expect(try resize(image, "-10M").status == 2 && resize(image, "1+1").status == 2 && resize(image).status == 2)
        #expect(try resize("--shrnk", image, "1M").status == 2)
        #expect(try resize("--preallocation", "full", image, "10M").status == 2)
        #expect(try contents(of: image) == before)
        for (byte, status) in [(1, 12), (2, 12), (128, 13)] as [(UInt8, Int32)] {
            // Dirty, corrupt, unknown.
            var marked = before
            marked[79] = byte
            try Tool.write(marked, to: image)
            #expect(try resize(image, "10M").status == status)
            #expect(try contents(of: image) == marked)
        }
        let vmdk = directory.file("disk.vmdk")
        try Tool.check("qemu-img", ["create", "-q", "-f", "vmdk", vmdk, "3M"])
        #expect(try resize(vmdk, "10M").status == 13)
    }

    @Test func aBackingFileDoesNotComeToLight() throws {
        let base = try directory.write([UInt8](repeating: 5, count: 4 << 20), to: "base.raw")
        try Tool.check("qemu-img", ["create", "-q", "-f", "qcow2", "-b", base, "-F", "raw", image, "2M"])
        #expect(try resize(image, "3M").status == 13)
        try FileManager.default.removeItem(atPath: image)
        try Tool.check("qemu-img", ["create", "-q", "-f", "qcow2", "-b", base, "-F", "raw", image])
        #expect(try resize(image, "9M").status == 0)
        try Tool.check("qemu-io", ["-r", "-c", "read -P 5 0 4M", "-c", "read -P 0 4M 5M", image])
    }

    @Test func anImageInUseIsRefused() throws {
        try create("cluster_size=64k")
        let other = try Tool.start("qemu-io", ["-f", "qcow2", "-c", "sleep 600000", image])
        defer {
            other.signal(SIGKILL)
            _ = try? other.wait()
        }
        // qemu-io takes its locks a moment after it starts.
        var isLocked = false
        for _ in 0..<3000 where !isLocked {
            isLocked = try Tool.run("qemu-img", ["info", image]).status != 0
            if !isLocked { usleep(20_000) }
        }
        try #require(isLocked)
        #expect(try resize(image, "10M").status == 23)
        #expect(try Tool.run(Tool.converter, ["rebase", "-u", "-b", "", image]).status == 23)
    }
}
