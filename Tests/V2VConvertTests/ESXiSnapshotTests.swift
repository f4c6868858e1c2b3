import Foundation
import TestSupport
import Testing
import V2VConvert

/// Snapshots of ESXi over a flat base, judged by qemu-img, which reads both kinds.
@Suite struct ESXiSnapshotTests {
    let directory: TemporaryDirectory
    let newer: [UInt8]
    let sectors: Int

    init() throws {
        directory = try TemporaryDirectory()
        // More than one table of either kind, and an end inside a grain of 4 KiB.
        let base = [UInt8](joining: [.mixed, .mixed], times: 1)
        newer = base.map { $0 ^ 0x5A }
        sectors = base.count / 512
        try directory.write(base, to: "web01-flat.vmdk")
        let descriptor = """
            # Disk DescriptorFile
            version=1
            CID=12345678
            parentCID=ffffffff
            createType="vmfs"
            RW \(sectors) VMFS "web01-flat.vmdk"
            """
        try directory.write(Array(descriptor.utf8), to: "web01.vmdk")
    }

    @Test(arguments: [1, 8, 128])
    func vmfsSparse(grain: Int) async throws {
        let extent = ESXiSnapshotBuilder.cowd(newer, grainSectors: grain) { $0 * grain / 96 % 5 == 2 ? .data : .absent }
        try directory.write(extent, to: "web01-000001-delta.vmdk")
        try await requireRight("vmfsSparse", "VMFSSPARSE", "web01-000001-delta.vmdk")
    }

    @Test func seSparse() async throws {
        let extent = ESXiSnapshotBuilder.seSparse(newer) { grain in
            switch grain / 5 % 7 {
            case 1, 2: .data
            case 3: .zero
            case 5: .unmapped
            default: .absent
            }
        }
        try directory.write(extent, to: "web01-000001-sesparse.vmdk")
        try await requireRight("seSparse", "SESPARSE", "web01-000001-sesparse.vmdk")
    }

    @Test func seSparseWithAJournalToReplayIsRefused() async throws {
        var extent = ESXiSnapshotBuilder.seSparse(newer) { _ in .data }
        extent[512 + 24] = 1
        try directory.write(extent, to: "web01-000001-sesparse.vmdk")
        try writeDescriptor("seSparse", "SESPARSE", "web01-000001-sesparse.vmdk")
        let error = await #expect(throws: ImageError.self) { try await convert() }
        #expect(error?.code == .inputUnsupported)
    }

    @Test func anExtentAloneIsRefused() async throws {
        let extent = ESXiSnapshotBuilder.cowd(newer, grainSectors: 1) { _ in .absent }
        try directory.write(extent, to: "web01-000001.vmdk")
        let error = await #expect(throws: ImageError.self) { try await convert() }
        #expect(error?.code == .inputUnsupported && error?.advice?.contains("descriptor") != nil)
    }

    private func writeDescriptor(_ createType: String, _ kind: String, _ extent: String) throws {
        let text = ESXiSnapshotBuilder.descriptor(
            createType, sectors: sectors, kind: kind, extent: extent, parent: "web01.vmdk")
        try directory.write(Array(text.utf8), to: "web01-000001.vmdk")
    }

    private func convert() async throws {
        try await Converter(
            source: DiskImageSource(path: directory.file("web01-000001.vmdk")),
            target: DiskImageTarget(path: directory.file("out.raw"))
        ).convert()
    }

    private func requireRight(_ createType: String, _ kind: String, _ extent: String) async throws {
        try writeDescriptor(createType, kind, extent)
        let expected = directory.file("expected.raw")
        try Tool.check(
            "qemu-img", ["convert", "-f", "vmdk", "-O", "raw", directory.file("web01-000001.vmdk"), expected])
        try await convert()
        try QEMU.requireIdentical(expected, directory.file("out.raw"), format: "raw")
    }
}
