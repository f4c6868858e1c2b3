import Foundation
import TestSupport

/// A guest's root with modules that depmod understands, and what an initramfs tool could make of it.
final class ModuleRoot: Sendable {
    static let kernel = "6.1.0-9-amd64"
    let directory: TemporaryDirectory
    var modules: LocalModules { LocalModules(path: directory.file("root/lib/modules/\(Self.kernel)")) }

    /// What modules need of each other. `virtio_net` needs `failover` through another.
    private static let exports: [(name: String, folder: String, needs: [String])] = [
        ("virtio", "drivers/virtio", []), ("virtio_ring", "drivers/virtio", ["virtio"]),
        ("virtio_pci", "drivers/virtio", ["virtio_ring"]), ("virtio_blk", "drivers/block", ["virtio_ring"]),
        ("failover", "net/core", []), ("net_failover", "drivers/net", ["failover"]),
        ("virtio_net", "drivers/net", ["virtio_ring", "net_failover"]),
        ("scsi_mod", "drivers/scsi", []), ("sd_mod", "drivers/scsi", ["scsi_mod"]),
        ("virtio-rng", "drivers/char", ["virtio"]), ("ext4", "fs/ext4", []),
    ]

    /// - Parameter compressor: a command that compresses the modules, and the suffix of its files.
    init(compressor: (command: String, suffix: String)? = nil) throws {
        directory = try TemporaryDirectory()
        let top = "root/lib/modules/\(Self.kernel)"
        for module in Self.exports {
            let object = try Self.object(module.name, needs: module.needs)
            let bytes = try compressor.map { try Archives.pipe(object, $0.command) } ?? object
            let file = "\(top)/kernel/\(module.folder)/\(module.name).ko\(compressor?.suffix ?? "")"
            try directory.write(bytes, to: file, parents: true)
        }
        try directory.write(Array("kernel/drivers/virtio/virtio_scsi.ko\n".utf8), to: "\(top)/modules.builtin")
        try directory.write([], to: "\(top)/modules.order")
        try Tool.check("/sbin/depmod", ["-b", directory.file("root"), Self.kernel])
    }

    private static let objects = Memo<[UInt8]>()

    /// What depmod reads of a module: what it exports, what it needs, and an alias.
    private static func object(_ name: String, needs: [String]) throws -> [UInt8] {
        try objects.value(name) {
            let symbol = name.replacingOccurrences(of: "-", with: "_")
            let source = """
                __attribute__((section(".modinfo"), used)) static char license[] = "license=GPL";
                __attribute__((section(".modinfo"), used)) static char alias[] = "alias=test:\(symbol)*";
                __attribute__((section("__ksymtab_strings"), used)) static char export[] = "use_\(symbol)";
                \(needs.map { "extern void use_\($0)(void);" }.joined(separator: "\n"))
                void use_\(symbol)(void) { \(needs.map { "use_\($0)();" }.joined()) }
                """
            let directory = try TemporaryDirectory()
            let file = try directory.write(Array(source.utf8), to: "module.c")
            try Tool.check("gcc", ["-w", "-c", "-o", directory.file("module.o"), file])
            return try contents(of: directory.file("module.o"))
        }
    }

    /// What the guest's own modprobe would load for `module` in the tree below `root`: paths from the modules'
    /// directory, and built-in modules as it calls them.
    static func modprobe(_ module: String, root: String) throws -> [String] {
        try Tool.check("/sbin/modprobe", ["-d", root, "-S", kernel, "--show-depends", module])
            .split(separator: "\n").map { line in
                let words = line.split(separator: " ")
                return words[1].components(separatedBy: "/modules/\(kernel)/").last ?? ""
            }
    }
}
