import Initramfs
import TestSupport
import Testing

struct ModuleTests {
    /// modprobe of kmod is the judge of what is loaded, and in which order.
    @Test(arguments: [nil, ".xz", ".zst"])
    func selectsWhatModprobeLoads(suffix: String?) throws {
        let commands = [".xz": "xz --check=crc32", ".zst": "zstd -q"]
        let root = try ModuleRoot(compressor: suffix.map { (commands[$0] ?? "", $0) })
        let index = try ModuleIndex(root.modules, kernel: ModuleRoot.kernel)
        for module in ["virtio_pci", "virtio-blk", "virtio_net", "sd_mod", "virtio_rng", "ext4"] {
            let selection = index.select([module])
            let loaded = try ModuleRoot.modprobe(module, root: root.directory.file("root"))
            #expect(Set(selection.files) == Set(loaded), "\(module)")
            #expect(selection.files.last == loaded.last)
            #expect(selection.presence.map(\.presence) == [.found])
        }
        let others = index.select(["virtio_scsi", "vmw_pvscsi"])
        #expect(others.presence.map(\.presence) == [.builtIn, .missing] && others.files.isEmpty)
        // What is needed comes before what needs it, once.
        let files = index.select(VirtioModules.required).files
        #expect(Set(files).count == files.count)
        let ring = try #require(files.firstIndex { $0.contains("virtio_ring") })
        let block = try #require(files.firstIndex { $0.contains("virtio_blk") })
        #expect(ring < block)
    }

    @Test func readsIndexesOfAllAges() {
        var index = ModuleIndex()
        index.addDependencies(
            """
            /lib/modules/2.6.18/kernel/a.ko: /lib/modules/2.6.18/kernel/b.ko
            kernel/b.ko:
            ../../etc/passwd.ko:
            /etc/shadow.ko: kernel/b.ko
            kernel/x-generic.ko:
            """, kernel: "2.6.18")
        index.addBuiltIn("kernel/crypto/c.ko\n")
        index.addSoftDependencies("softdep a pre: c virtual post: d\nsoftdep\nsoftdep a\n")
        index.addAliases("alias virtual x_generic\nalias pci:v* b\nalias one\n")
        #expect(index.select(["a"]).files == ["kernel/b.ko", "kernel/a.ko", "kernel/x-generic.ko"])
        #expect(index.select(["passwd", "shadow", "c"]).presence.map(\.presence) == [.missing, .missing, .builtIn])
        // Circles end.
        index.addSoftDependencies("softdep b pre: a\n")
        #expect(Set(index.select(["b"]).files).count == 3)
    }

    @Test func configurationsSayWhatTheKernelReads() {
        let text = "CONFIG_RD_GZIP=y\n# CONFIG_RD_XZ is not set\nCONFIG_RD_ZSTD=y\n#CONFIG_RD_LZ4=y\n"
        #expect(ArchiveCompression.allowed(byConfiguration: text) == [.none, .gzip, .zstd])
    }
}
