import Foundation
import TestSupport
import Testing
import V2VConvert

/// VHDs of every kind. qemu-img judges what it reads, 7-Zip what it doesn't.
@Suite struct VHDTests {
    let directory: TemporaryDirectory
    /// Three blocks of 2 MiB, the last of them not whole.
    static let disk = Array(DiskContent.mixed.bytes().prefix((5 << 20) - 512))
    /// What a snapshot has of it.
    static let newer = disk.map { $0 ^ 0x5A }
    let disk = Self.disk

    init() throws {
        directory = try TemporaryDirectory()
        try directory.write(disk, to: "disk.raw")
    }

    // MARK: Footers

    @Test(arguments: [512, 511])
    func fixedIsKnownByItsEnd(footerLength: Int) async throws {
        var builder = VHDBuilder()
        builder.footerLength = footerLength
        try directory.write(builder.fixed(disk), to: "disk.vhd")
        #expect(try await convert("disk.vhd") == disk)
    }

    /// Without geometry, QEMU takes the size of a disk of an unknown program from it.
    @Test(arguments: [512, 511], [false, true])
    func dynamicWithEitherFooter(footerLength: Int, isFrontWhole: Bool) async throws {
        var builder = VHDBuilder()
        builder.footerLength = footerLength
        var image = builder.sparse(disk)
        if !isFrontWhole { image.replaceSubrange(0..<512, with: [UInt8](repeating: 0xA5, count: 512)) }
        try directory.write(image, to: "disk.vhd")
        #expect(try await convert("disk.vhd") == disk)
        #expect(try info("disk.vhd").warnings.isEmpty == isFrontWhole)
    }

    @Test(arguments: ["missing", "damaged"])
    func dynamicWithoutItsFooter(state: String) async throws {
        var image = VHDBuilder().sparse(disk)
        if state == "missing" { image.removeLast(512) } else { image[image.count - 100] ^= 1 }
        try directory.write(image, to: "disk.vhd")
        #expect(try await convert("disk.vhd") == disk)
        #expect(try info("disk.vhd").warnings.contains { $0.contains("end of the file") })
    }

    @Test func checksumsThatNobodyComputedAreTold() async throws {
        var image = VHDBuilder().sparse(disk)
        for start in [0, image.count - 512] { image.replaceSubrange(start + 64..<start + 68, with: [0, 0, 0, 0]) }
        image.replaceSubrange(512 + 36..<512 + 40, with: [0, 0, 0, 0])
        try directory.write(image, to: "disk.vhd")
        #expect(try await convert("disk.vhd") == disk)
        #expect(try info("disk.vhd").warnings.filter { $0.contains("checksum") }.count == 2)
    }

    @Test func footersThatContradictEachOtherAreTold() throws {
        var image = VHDBuilder().sparse(disk)
        var other = VHDBuilder()
        other.identifier = [UInt8](repeating: 9, count: 16)
        image.replaceSubrange(0..<512, with: other.footer(type: 3, size: disk.count, dataOffset: 512))
        try directory.write(image, to: "disk.vhd")
        #expect(try info("disk.vhd").warnings.contains { $0.contains("contradict") })
    }

    /// The last sector of a raw disk may hold what a VHD left there.
    @Test func anOldFooterAtTheEndOfARawDiskIsAmbiguous() async throws {
        let old = VHDBuilder().footer(type: 2, size: disk.count - 4096, dataOffset: .max)
        try directory.write(disk + old, to: "old.raw")
        #expect(await failure("old.raw")?.code == .inputFormat)
        #expect(try await convert("old.raw", format: .raw) == disk + old)
        #expect(try await convert("old.raw", format: .vpc) == Array(disk[..<(disk.count - 4096)]))
        // Nor does one count whose checksum is wrong.
        var broken = VHDBuilder().fixed(disk)
        broken[broken.count - 1] ^= 1
        try directory.write(broken, to: "broken.raw")
        #expect(await failure("broken.raw")?.code == .inputFormat)
        #expect(try await convert("broken.raw", format: .vpc) == disk)
    }

    @Test func aFixedVHDCutShortIsNotRaw() async throws {
        try directory.write(Array(VHDBuilder().fixed(disk).dropLast(4096)), to: "cut.vhd")
        #expect(await failure("cut.vhd")?.code == .inputFormat)
    }

    @Test func theGeometryIsTheSizeWhereThatIsAskedFor() throws {
        var builder = VHDBuilder()
        builder.geometry = (100, 4, 17)
        try directory.write(builder.fixed(disk), to: "disk.vhd")
        var source = DiskImageSource(path: directory.file("disk.vhd"))
        #expect(try source.info().virtualSize == UInt64(disk.count))
        source.vhdSize = .geometry
        #expect(try source.info().virtualSize == 100 * 4 * 17 * 512)
        // As QEMU does, where it does not know the program.
        let theirs = try Tool.check("qemu-img", ["info", "-f", "vpc", directory.file("disk.vhd")])
        #expect(theirs.contains("(\(100 * 4 * 17 * 512) bytes)"))
    }

    // MARK: Blocks

    @Test(arguments: [4096, 512 << 10, 2 << 20, 16 << 20])
    func blocksOfEverySize(blockSize: Int) async throws {
        var builder = VHDBuilder()
        builder.blockSize = blockSize
        builder.creator = "win "
        try directory.write(builder.sparse(disk), to: "disk.vhd")
        #expect(try await convert("disk.vhd") == disk)
        try QEMU.requireIdentical(directory.file("disk.raw"), directory.file("disk.vhd"), format: "vpc")
    }

    /// All readers ignore the bitmaps of a disk without a parent.
    @Test func clearBitsOfADynamicDiskHideNothing() async throws {
        var builder = VHDBuilder()
        builder.creator = "win "
        var image = builder.sparse(disk)
        // The first block that is stored is the last of the disk; its bitmap follows the block table.
        let bitmap = 512 + 1024 + 4096 + 512
        #expect(image[bitmap] == 0xFF)
        image.replaceSubrange(bitmap..<bitmap + 512, with: [UInt8](repeating: 0, count: 512))
        try directory.write(image, to: "disk.vhd")
        #expect(try await convert("disk.vhd") == disk)
        try QEMU.requireIdentical(directory.file("disk.raw"), directory.file("disk.vhd"), format: "vpc")
    }

    // MARK: Snapshots

    /// Writes `base`, and `child.vhd` over it that has some sectors, in runs and alone.
    /// - Returns: the content.
    private func makeChain(
        base: String = "base.vhd", _ builder: VHDBuilder = VHDBuilder(), isFixed: Bool = false,
        parent change: (inout VHDBuilder.Parent) -> Void = { _ in }
    ) throws -> [UInt8] {
        func isPresent(_ sector: Int) -> Bool { sector / 4096 != 1 && (sector / 5 % 7 == 2 || sector % 1000 == 999) }
        try directory.write(isFixed ? builder.fixed(disk) : builder.sparse(disk), to: base, parents: true)
        var child = VHDBuilder()
        child.identifier = [UInt8](repeating: 0xC1, count: 16)
        var parent = VHDBuilder.Parent(
            identifier: builder.identifier, name: "base.vhd",
            locators: [("W2ku", "C:\\Machines\\base.vhd"), ("W2ru", ".\\base.vhd")])
        change(&parent)
        child.parent = parent
        try directory.write(child.sparse(Self.newer, isPresent: isPresent), to: "child.vhd")
        return Self.newer.over(disk, where: isPresent)
    }

    @Test(arguments: [512, 511], [false, true])
    func aSnapshotHasSectorsOfBoth(footerLength: Int, isFixed: Bool) async throws {
        var base = VHDBuilder()
        base.footerLength = footerLength
        let expected = try makeChain(base, isFixed: isFixed)
        #expect(try await convert("child.vhd") == expected)
        let described = try info("child.vhd")
        #expect(described.subformat == "differencing" && described.backingFilename == ".\\base.vhd")
        if SevenZip.isThere, footerLength == 512 {
            try SevenZip.extract(directory.file("child.vhd"), type: "vhd", to: directory.file("seven.raw"))
            #expect(try contents(of: directory.file("seven.raw")) == expected)
        }
    }

    @Test func snapshotsOfSnapshots() async throws {
        let first = try makeChain()
        let newest = [UInt8](repeating: 0xC3, count: disk.count)
        var top = VHDBuilder()
        top.parent = VHDBuilder.Parent(identifier: [UInt8](repeating: 0xC1, count: 16), name: "child.vhd", locators: [])
        top.blockSize = 512 << 10
        try directory.write(top.sparse(newest) { $0 % 11 == 0 }, to: "top.vhd")
        #expect(try await convert("top.vhd") == newest.over(first) { $0 % 11 == 0 })
    }

    /// By each of the names alone, in the order in which they count.
    @Test(arguments: [
        [("W2ru", "parents\\base.vhd"), ("W2ku", "C:\\wrong\\base.vhd")],
        [("W2ru", "..\\gone\\x.vhd"), ("W2ku", "C:\\Machines\\parents\\..\\base.vhd")],
        [("W2ru", "..\\gone\\x.vhd"), ("W2ku", "D:\\gone\\y.vhd")], [],
    ])
    func parentsAreFound(locators: [(String, String)]) async throws {
        let isBelow = locators.first?.1 == "parents\\base.vhd"
        let expected = try makeChain(base: isBelow ? "parents/base.vhd" : "base.vhd") {
            $0.locators = locators
            if isBelow { $0.name = "gone.vhd" }
        }
        #expect(try await convert("child.vhd") == expected)
    }

    @Test func anotherParentIsRefusedUnlessForced() async throws {
        let expected = try makeChain { $0.identifier[0] ^= 1 }
        let error = await failure("child.vhd")
        #expect(error?.code == .inputDamaged && error?.advice?.contains("--force-parent") == true)
        var source = DiskImageSource(path: directory.file("child.vhd"))
        source.ignoresParentChanges = true
        #expect(try await convert(source) == expected)
    }

    @Test func aMissingParentIsNamed() async throws {
        _ = try makeChain()
        try FileManager.default.removeItem(atPath: directory.file("base.vhd"))
        let error = await failure("child.vhd")
        #expect(error?.code == .inputUnreadable && error?.message.contains("base.vhd") == true)
        #expect(try info("child.vhd").virtualSize == UInt64(disk.count))
    }

    @Test func parentsOutsideAreRefused() async throws {
        _ = try makeChain { $0.locators = [("W2ru", "..\\..\\..\\..\\..\\..\\etc\\hostname")] }
        #expect(await failure("child.vhd")?.code == .inputUnsupported)
    }

    @Test func aLoopIsFound() async throws {
        var builder = VHDBuilder()
        builder.parent = VHDBuilder.Parent(identifier: builder.identifier, name: "loop.vhd", locators: [])
        try directory.write(builder.sparse(disk) { $0 == 0 }, to: "loop.vhd")
        let error = await failure("loop.vhd")
        #expect(error?.code == .inputDamaged && error?.message.contains("loop") == true)
    }

    // MARK: Judging

    private func info(_ name: String) throws -> ImageInfo {
        try DiskImageSource(path: directory.file(name)).info()
    }

    private func convert(_ name: String, format: ImageFormat? = nil) async throws -> [UInt8] {
        try await convert(DiskImageSource(path: directory.file(name), format: format))
    }

    private func convert(_ source: DiskImageSource) async throws -> [UInt8] {
        var converter = Converter(source: source, target: DiskImageTarget(path: directory.file("out.raw")))
        converter.target.existing = .replace
        try await converter.convert()
        return try contents(of: directory.file("out.raw"))
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
