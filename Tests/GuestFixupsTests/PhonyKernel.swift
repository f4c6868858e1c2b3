/// A kernel of a phony guest: its modules and its initramfs, without a program in either.
struct PhonyKernel {
    /// What has built the initramfs, which a hook goes by.
    enum Builder: String {
        case dracut
        case initramfsTools = "initramfs-tools"
        case other
    }

    var version: String
    /// Where it is in the guest; nil if there is none.
    var initramfs: String?
    var builder = Builder.other
    /// What the file's name is besides `vmlinuz-VERSION`.
    var image: String?
    /// Compressions of an initramfs that the kernel reads, as its configuration calls them.
    var reads = ["GZIP", "ZSTD"]
    /// What modules' files end in.
    var suffix = ".ko"
    var builtIn: [String] = []
    /// Modules that it has not at all.
    var lacks: [String] = []

    /// What each module needs.
    static let dependencies = [
        "virtio": [], "virtio_ring": ["virtio"], "virtio_pci": ["virtio_ring", "virtio"],
        "virtio_blk": ["virtio_ring", "virtio"], "virtio_net": ["virtio_ring", "virtio"],
        "virtio_scsi": ["virtio_ring", "virtio"], "sd_mod": [],
    ]

    /// Those that it has as files.
    var modules: [String] { Self.dependencies.keys.filter { !builtIn.contains($0) && !lacks.contains($0) }.sorted() }

    /// Relative to the directory of its modules.
    func file(_ module: String) -> String { "kernel/drivers/\(module)\(suffix)" }

    /// As depmod would write it.
    var index: String {
        modules.map { module in
            let needed = (Self.dependencies[module] ?? []).filter(modules.contains).map(file)
            return "\(file(module)): \(needed.joined(separator: " "))\n"
        }.joined()
    }

    /// Files that the builder leaves in every initramfs.
    var skeleton: [String] {
        switch builder {
        case .dracut: ["/usr/bin/cp", "/usr/lib/dracut/hooks/pre-pivot/10-other.sh"]
        case .initramfsTools: ["/usr/bin/cp", "/scripts/local"]
        case .other: []
        }
    }
}
