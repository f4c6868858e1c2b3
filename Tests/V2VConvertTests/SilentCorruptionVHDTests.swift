import TestSupport
import Testing
import V2VConvert

/// What qemu-img 7.2 gets wrong about VHDs without saying so; the numbers are those of the list of such cases.
@Suite struct SilentCorruptionVHDTests {
    let directory: TemporaryDirectory
    let disk = VHDTests.disk

    init() throws {
        directory = try TemporaryDirectory()
    }

    /// qemu-img takes it for a raw disk that is a sector longer.
    @Test(arguments: ["ours", "qemu"])
    func row07FixedVHDIsNotRaw(writer: String) async throws {
        if writer == "ours" {
            try directory.write(VHDBuilder().fixed(disk), to: "disk.vhd")
        } else {
            let raw = try directory.write(disk, to: "disk.raw")
            try QEMU.convert(
                raw, to: directory.file("disk.vhd"), format: "vpc", options: "subformat=fixed,force_size=on")
        }
        #expect(try await convert("disk.vhd") == disk)
    }

    /// qemu-img cuts the disk to cylinders × heads × sectors, unless it knows the program that wrote it.
    @Test(arguments: ["vbox", "vpc "], [false, true])
    func row08TheSizeIsNotTheGeometrys(creator: String, isFixed: Bool) async throws {
        var builder = VHDBuilder()
        builder.creator = creator
        builder.geometry = (150, 4, 17)
        #expect(150 * 4 * 17 * 512 < disk.count)
        try directory.write(isFixed ? builder.fixed(disk) : builder.sparse(disk), to: "disk.vhd")
        #expect(try await convert("disk.vhd") == disk)
    }

    /// qemu-img reads a snapshot as if it had no parent.
    @Test func row09DifferencingVHDHasAParent() async throws {
        try directory.write(VHDBuilder().sparse(disk), to: "base.vhd")
        var child = VHDBuilder()
        child.parent = VHDBuilder.Parent(
            identifier: VHDBuilder().identifier, name: "base.vhd", locators: [("W2ru", ".\\base.vhd")])
        let newer = [UInt8](repeating: 0x6B, count: disk.count)
        try directory.write(child.sparse(newer) { $0 < 3 }, to: "child.vhd")
        #expect(try await convert("child.vhd") == newer.prefix(1536) + Array(disk.dropFirst(1536)))
    }

    private func convert(_ name: String) async throws -> [UInt8] {
        let output = directory.file("out.raw")
        try await Converter(
            source: DiskImageSource(path: directory.file(name)), target: DiskImageTarget(path: output)
        ).convert()
        return try contents(of: output)
    }
}
