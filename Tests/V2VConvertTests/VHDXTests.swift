import Foundation
import TestSupport
import Testing
import V2VConvert

/// VHDXs of every kind. qemu-img judges what it reads, 7-Zip what it doesn't.
@Suite struct VHDXTests {
    let directory: TemporaryDirectory
    let disk = VHDTests.disk + [UInt8](repeating: 0x11, count: 4096 - VHDTests.disk.count % 4096)

    init() throws {
        directory = try TemporaryDirectory()
        try directory.write(disk, to: "disk.raw")
    }

    // MARK: Headers

    /// Either header, and either region table, may be damaged.
    @Test(arguments: [[64, 192], [128, 256], [64, 256]])
    func oneOfTwoCopiesIsEnough(damagedAt: [Int]) async throws {
        var image = VHDXBuilder(disk).image()
        for position in damagedAt { image[position << 10 + 2000] ^= 1 }
        try directory.write(image, to: "disk.vhdx")
        #expect(try await convert("disk.vhdx") == disk)
        // QEMU never looks at the second region table.
        if !damagedAt.contains(192) {
            try QEMU.requireIdentical(directory.file("disk.raw"), directory.file("disk.vhdx"), format: "vhdx")
        }
    }

    @Test(arguments: [512, 4096])
    func sectorsOfEitherSize(sectorSize: Int) async throws {
        var builder = VHDXBuilder(disk)
        builder.logicalSectorSize = sectorSize
        try directory.write(builder.image(), to: "disk.vhdx")
        #expect(try await convert("disk.vhdx") == disk)
        #expect(try info("disk.vhdx").warnings.isEmpty == (sectorSize == 512))
        try requireSevenZipReads("disk.vhdx", as: disk)
    }

    // MARK: Blocks

    @Test func everyStateOfABlock() async throws {
        let states: [UInt64] = [0, 1, 2, 3, 5, 6]
        var builder = VHDXBuilder(size: states.count << 20)
        for (number, state) in states.enumerated() {
            builder.blocks[number] = VHDXBuilder.Block(state: state, data: Array(disk[..<(1 << 20)]))
        }
        try directory.write(builder.image(), to: "disk.vhdx")
        let expected = [UInt8](repeating: 0, count: 5 << 20) + disk[..<(1 << 20)]
        #expect(try await convert("disk.vhdx") == expected)
    }

    /// Entries of the sector bitmap stand in the table after every 4 GiB of blocks, though the disk has no parent.
    @Test func blocksBehindTheFirstChunk() async throws {
        let image = directory.file("large.vhdx")
        try Tool.check("qemu-img", ["create", "-q", "-f", "vhdx", "-o", "block_size=64M", image, "4400M"])
        try Tool.check(
            "qemu-io", ["-f", "vhdx", "-c", "write -P 7 4295000064 70000", "-c", "write -P 9 4290000384 512", image])
        try await convert(DiskImageSource(path: image), to: "large.qcow2")
        try Tool.check(
            "qemu-io",
            [
                "-r", "-f", "qcow2", "-c", "read -P 0 4290000896 4999168", "-c", "read -P 7 4295000064 70000", "-c",
                "read -P 9 4290000384 512", "-c", "read -P 0 4295070064 300000000", directory.file("large.qcow2"),
            ])
    }

    // MARK: Snapshots

    private static let braced = "{D1D1D1D1-D1D1-D1D1-D1D1-D1D1D1D1D1D1}"
    private static let usual = [
        (key: "parent_linkage", value: braced), (key: "relative_path", value: ".\\base.vhdx"),
        (key: "absolute_win32_path", value: "C:\\Machines\\base.vhdx"),
    ]
    /// Runs, single sectors of 4 KiB, a block without any, and one with all.
    private static func isPresent(_ sector: Int) -> Bool {
        sector / 2048 == 3 || (sector / 2048 != 1 && (sector / 40 % 7 == 2 || sector / 8 % 100 == 99))
    }

    /// Writes `base` and `child.vhdx` over it.
    /// - Returns: the content.
    private func makeChain(
        base: String = "base.vhdx", sectorSize: Int = 512, locator: [(key: String, value: String)] = usual,
        change: (inout VHDXBuilder) -> Void = { _ in }
    ) throws -> [UInt8] {
        var parent = VHDXBuilder(disk, blockSize: 2 << 20)
        parent.logicalSectorSize = sectorSize
        change(&parent)
        try directory.write(parent.image(), to: base, parents: true)
        let newer = VHDTests.newer + [UInt8](repeating: 0x22, count: disk.count - VHDTests.newer.count)
        let child = VHDXBuilder(newer, logicalSectorSize: sectorSize, parent: locator, isPresent: Self.isPresent)
        try directory.write(child.image(), to: "child.vhdx")
        return newer.over(disk, where: Self.isPresent)
    }

    @Test(arguments: [512, 4096])
    func aSnapshotHasSectorsOfBoth(sectorSize: Int) async throws {
        let expected = try makeChain(sectorSize: sectorSize)
        #expect(try await convert("child.vhdx") == expected)
        let described = try info("child.vhdx")
        #expect(described.subformat == "differencing" && described.backingFilename == ".\\base.vhdx")
        try requireSevenZipReads("child.vhdx", as: expected)
    }

    /// The bitmap of the second chunk is another block, with an entry of its own.
    @Test func aSnapshotBehindTheFirstChunk() async throws {
        var base = VHDXBuilder(size: 4 << 30 + 8 << 20)
        base.blockSize = 256 << 20
        base.blocks[16] = VHDXBuilder.Block(state: 6, data: [UInt8](repeating: 3, count: 1 << 20))
        try directory.write(base.pieces(), to: "base.vhdx")
        var child = base
        child.parent = Self.usual
        let data = [UInt8](repeating: 4, count: 1 << 20)
        child.blocks = [
            0: VHDXBuilder.Block(state: 7, data: data) { $0 == 1 },
            16: VHDXBuilder.Block(state: 7, data: data) { (100..<200).contains($0) },
        ]
        try directory.write(child.pieces(), to: "child.vhdx")
        try await convert(DiskImageSource(path: directory.file("child.vhdx")), to: "large.qcow2")
        let start = 4 << 30
        try Tool.check(
            "qemu-io",
            [
                "-r", "-f", "qcow2", "-c", "read -P 0 0 512", "-c", "read -P 4 512 512", "-c", "read -P 0 1024 65536",
                "-c", "read -P 3 \(start) 51200", "-c", "read -P 4 \(start + 51200) 51200", "-c",
                "read -P 3 \(start + 102400) 946176", "-c", "read -P 0 \(start + 1048576) 65536",
                directory.file("large.qcow2"),
            ])
    }

    @Test func snapshotsOfSnapshots() async throws {
        let first = try makeChain()
        let newest = [UInt8](repeating: 0xC3, count: disk.count)
        var top = VHDXBuilder(
            newest,
            parent: [
                ("parent_linkage", Self.braced), ("parent_linkage2", Self.braced), ("relative_path", "child.vhdx"),
            ]
        ) { $0 % 11 == 0 }
        top.dataWriteGUID[0] = 1
        try directory.write(top.image(), to: "top.vhdx")
        #expect(try await convert("top.vhdx") == newest.over(first) { $0 % 11 == 0 })
    }

    @Test(arguments: [
        [
            (key: "relative_path", value: "parents\\base.vhdx"),
            (key: "absolute_win32_path", value: "C:\\wrong\\x.vhdx"),
        ],
        [
            (key: "relative_path", value: "..\\gone\\x.vhdx"),
            (key: "volume_path", value: "\\\\?\\Volume{0b9a7c3e-0000-0000-0000-100000000000}\\Machines\\base.vhdx"),
        ],
        [(key: "relative_path", value: "..\\gone\\x.vhdx"), (key: "absolute_win32_path", value: "D:\\VMs\\base.vhdx")],
    ])
    func parentsAreFound(names: [(key: String, value: String)]) async throws {
        let isBelow = names[0].value.hasPrefix("parents")
        let locator = names + [(key: "parent_linkage2", value: Self.braced.lowercased())]
        let expected = try makeChain(base: isBelow ? "parents/base.vhdx" : "base.vhdx", locator: locator)
        #expect(try await convert("child.vhdx") == expected)
    }

    @Test func aChangedParentIsRefusedUnlessForced() async throws {
        let expected = try makeChain { $0.dataWriteGUID[15] = 0 }
        let error = await failure("child.vhdx")
        #expect(error?.code == .inputDamaged && error?.advice?.contains("--force-parent") == true)
        var source = DiskImageSource(path: directory.file("child.vhdx"))
        source.ignoresParentChanges = true
        #expect(try await convert(source) == expected)
    }

    @Test func aParentWithOtherSectorsIsRefused() async throws {
        _ = try makeChain { $0.logicalSectorSize = 4096 }
        #expect(await failure("child.vhdx")?.code == .inputDamaged)
    }

    @Test func aMissingParentIsNamed() async throws {
        _ = try makeChain()
        try FileManager.default.removeItem(atPath: directory.file("base.vhdx"))
        let error = await failure("child.vhdx")
        #expect(error?.code == .inputUnreadable && error?.message.contains("base.vhdx") == true)
        #expect(try info("child.vhdx").virtualSize == UInt64(disk.count))
    }

    @Test func parentsOutsideAreRefused() async throws {
        _ = try makeChain(locator: [("relative_path", "..\\..\\..\\..\\..\\..\\etc\\hostname")])
        #expect(await failure("child.vhdx")?.code == .inputUnsupported)
    }

    // MARK: Judging

    private func requireSevenZipReads(_ name: String, as expected: [UInt8]) throws {
        guard SevenZip.isThere else { return }
        try SevenZip.extract(directory.file(name), type: "vhdx", to: directory.file("seven.raw"))
        #expect(try contents(of: directory.file("seven.raw")) == expected)
    }

    private func info(_ name: String) throws -> ImageInfo {
        try DiskImageSource(path: directory.file(name)).info()
    }

    private func convert(_ name: String) async throws -> [UInt8] {
        try await convert(DiskImageSource(path: directory.file(name)))
    }

    private func convert(_ source: DiskImageSource) async throws -> [UInt8] {
        try await convert(source, to: "out.raw")
        return try contents(of: directory.file("out.raw"))
    }

    private func convert(_ source: DiskImageSource, to output: String) async throws {
        var converter = Converter(source: source, target: DiskImageTarget(path: directory.file(output)))
        converter.target.existing = .replace
        try await converter.convert()
    }

    private func failure(_ name: String) async -> ImageError? {
        do {
            _ = try await convert(name)
            return nil
        } catch {
            return error as? ImageError
        }
    }
}
