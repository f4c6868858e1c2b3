import Foundation
import TestSupport
import Testing
import V2VConvert

/// Parents that the user names: of VDIs, which do not name theirs, and of other images whose parent is elsewhere.
@Suite struct GivenParentTests {
    let directory: TemporaryDirectory
    private static let disk = VHDTests.disk
    private static let newer = VHDTests.newer

    init() throws {
        directory = try TemporaryDirectory()
        try directory.write(Self.disk, to: "disk.raw")
    }

    // MARK: VDI

    private static let base = [UInt8](repeating: 0xB0, count: 16)
    private static let middle = [UInt8](repeating: 0xC0, count: 16)
    private static let modified = [UInt8](repeating: 0xB1, count: 16)

    /// Makes a VDI of `content` with qemu-img, and gives it an identifier and a state.
    private func makeVDI(
        _ content: [UInt8], _ name: String, identifier: [UInt8], change: (inout [UInt8]) -> Void = { _ in }
    ) throws {
        let raw = try directory.write(content, to: "content.raw")
        try directory.write([], to: name, parents: true)
        try QEMU.convert(raw, to: directory.file(name), format: "vdi")
        var image = try contents(of: directory.file(name))
        image.replaceSubrange(392..<408, with: identifier)
        image.replaceSubrange(408..<424, with: Self.modified)
        change(&image)
        try directory.write(image, to: name)
    }

    /// Makes the image a snapshot: 4 in the type, the parent's identifier and modification, the second MiB not there and
    /// the fourth discarded.
    private static func makeSnapshot(_ image: inout [UInt8], parent: [UInt8]) {
        image[76] = 4
        image.replaceSubrange(424..<440, with: parent)
        image.replaceSubrange(440..<456, with: modified)
        image.replaceSubrange(512 + 4..<512 + 8, with: littleEndian(UInt32.max))
        image.replaceSubrange(512 + 12..<512 + 16, with: littleEndian(UInt32.max - 1))
    }

    private static let expected = newer.over(disk) { $0 / 2048 != 1 }.mebibyteZeroed(3)

    @Test func aSnapshotsParentIsGiven() async throws {
        try makeVDI(Self.disk, "disks/base.vdi", identifier: Self.base)
        try makeVDI(Self.newer, "child.vdi", identifier: Self.middle) {
            Self.makeSnapshot(&$0, parent: Self.base)
        }
        let alone = await failure("child.vdi")
        #expect(alone?.code == .inputUnreadable && alone?.advice?.contains("--parent") == true)
        #expect(try await convert("child.vdi", parents: ["disks/base.vdi"]) == Self.expected)
        #expect(try DiskImageSource(path: directory.file("child.vdi")).info().subformat == "differencing")
    }

    /// VirtualBox keeps snapshots under their identifiers, so only the disk at the bottom must be given.
    @Test func snapshotsOfSnapshotsAreFound() async throws {
        try makeVDI(Self.disk, "base.vdi", identifier: Self.base)
        try makeVDI(Self.newer, "{c0c0c0c0-c0c0-c0c0-c0c0-c0c0c0c0c0c0}.vdi", identifier: Self.middle) {
            Self.makeSnapshot(&$0, parent: Self.base)
        }
        let newest = [UInt8](repeating: 0x7E, count: Self.disk.count)
        try makeVDI(newest, "top.vdi", identifier: Self.modified) { Self.makeSnapshot(&$0, parent: Self.middle) }
        let expected = newest.over(Self.expected) { $0 / 2048 != 1 }.mebibyteZeroed(3)
        #expect(try await convert("top.vdi", parents: ["base.vdi"]) == expected)
    }

    @Test(arguments: [392, 408])
    func anotherParentIsRefusedUnlessForced(changedAt: Int) async throws {
        try makeVDI(Self.disk, "base.vdi", identifier: Self.base) { $0[changedAt] ^= 1 }
        try makeVDI(Self.newer, "child.vdi", identifier: Self.middle) { Self.makeSnapshot(&$0, parent: Self.base) }
        let error = await failure("child.vdi", parents: ["base.vdi"])
        #expect(error?.code == .inputDamaged && error?.advice?.contains("--force-parent") == true)
        #expect(try await convert("child.vdi", parents: ["base.vdi"], isForced: true) == Self.expected)
        // So is one of another format, of which VirtualBox knows the identifier.
        #expect(await failure("child.vdi", parents: ["disk.raw"])?.code == .inputDamaged)
        #expect(try await convert("child.vdi", parents: ["disk.raw"], isForced: true) == Self.expected)
    }

    @Test func aSnapshotIsNotItsOwnParent() async throws {
        try makeVDI(Self.newer, "child.vdi", identifier: Self.base) { Self.makeSnapshot(&$0, parent: Self.base) }
        let error = await failure("child.vdi", parents: ["child.vdi"])
        #expect(error?.code == .inputDamaged && error?.message.contains("loop") == true)
    }

    // MARK: Others

    @Test(arguments: ["vmdk", "qcow2"])
    func aParentThatMovedIsGiven(format: String) async throws {
        let names = ["base", "middle", "top"].map { directory.file("\($0).\(format)") }
        try QEMU.convert(directory.file("disk.raw"), to: names[0], format: format)
        for (parent, child) in zip(names, names.dropFirst()) {
            try Tool.check("qemu-img", ["create", "-q", "-f", format, "-b", parent, "-F", format, child])
            try Tool.check("qemu-io", ["-f", format, "-c", "write -P 5 \(65536 + child.count * 512) 70000", child])
        }
        let expected = directory.file("expected.raw")
        try Tool.check("qemu-img", ["convert", "-f", format, "-O", "raw", names[2], expected])
        try FileManager.default.createDirectory(
            atPath: directory.file("elsewhere"), withIntermediateDirectories: false)
        for name in ["base", "middle"] {
            try FileManager.default.moveItem(
                atPath: directory.file("\(name).\(format)"), toPath: directory.file("elsewhere/\(name)-moved"))
        }
        #expect(await failure("top." + format)?.code == .inputUnreadable)
        let parents = ["elsewhere/middle-moved", "elsewhere/base-moved"]
        #expect(try await convert("top." + format, parents: parents) == contents(of: expected))
    }

    @Test func theCommandTakesParents() throws {
        try makeVDI(Self.disk, "base.vdi", identifier: Self.base)
        try makeVDI(Self.newer, "child.vdi", identifier: Self.middle) { Self.makeSnapshot(&$0, parent: Self.base) }
        try directory.write(VHDBuilder().sparse(Self.disk), to: "old.vhd")
        var builder = VHDBuilder()
        builder.parent = VHDBuilder.Parent(identifier: builder.identifier, name: "base.vhd", locators: [])
        try directory.write(builder.sparse(Self.newer) { $0 == 4 }, to: "child.vhd")
        for (child, parent, expected) in [
            ("child.vdi", "base.vdi", Self.expected),
            ("child.vhd", "old.vhd", Self.newer.over(Self.disk) { $0 == 4 }),
        ] {
            try Tool.check(
                Tool.converter,
                [
                    "-q", "--force", "--parent", directory.file(parent), directory.file(child),
                    directory.file("out.raw"),
                ])
            #expect(try contents(of: directory.file("out.raw")) == expected)
        }
    }

    // MARK: Judging

    private func convert(_ name: String, parents: [String] = [], isForced: Bool = false) async throws -> [UInt8] {
        var source = DiskImageSource(path: directory.file(name))
        source.parents = parents.map(directory.file)
        source.ignoresParentChanges = isForced
        var converter = Converter(source: source, target: DiskImageTarget(path: directory.file("out.raw")))
        converter.target.existing = .replace
        try await converter.convert()
        return try contents(of: directory.file("out.raw"))
    }

    private func failure(_ name: String, parents: [String] = []) async -> ImageError? {
        do {
            _ = try await convert(name, parents: parents)
            return nil
        } catch {
            return error as? ImageError
        }
    }
}

extension [UInt8] {
    /// With zeros in the MiB that is number `index`.
    fileprivate func mebibyteZeroed(_ index: Int) -> [UInt8] {
        var content = self
        content.replaceSubrange(index << 20..<(index + 1) << 20, with: [UInt8](repeating: 0, count: 1 << 20))
        return content
    }
}
