import Foundation
import GuestDisk
import GuestFixups
import TestSupport
import Testing

/// A guest's files without its programs, on a disk with an MBR: `/` on the first partition, ext4, and swap on the second.
struct PhonyGuest {
    static let rootUUID = "6e6f7420-6120-7265-616c-206775657374"
    static let swapUUID = "73776170-2020-4020-a020-737761702021"
    private static let partitionStart = 1 << 20
    private static let partitionSize = 32 << 20

    let directory: TemporaryDirectory
    let path: String

    /// - Parameters:
    ///   - files: contents by path. A content that begins with `→ ` is a symbolic link.
    ///   - kernel: the version of a kernel that has virtio as modules; its initramfs, without them, goes to `initramfs`.
    init(_ files: [String: String], kernel: String, initramfs: String) throws {
        directory = try TemporaryDirectory()
        let tree = directory.file("tree")
        for (path, content) in files.merging(["/bin/sh": ""], uniquingKeysWith: { given, _ in given }) {
            try Self.put(content, at: tree + path)
        }
        try Self.addKernel(kernel, initramfs: initramfs, tree)
        path = directory.file("disk.raw")
        let filesystem = directory.file("root.ext4")
        try Tool.check(
            "mke2fs", ["-q", "-t", "ext4", "-U", Self.rootUUID, "-d", tree, filesystem, "\(Self.partitionSize >> 10)k"])
        let table = try directory.write(
            Array("label: dos\nsize=\(Self.partitionSize / 512), type=83, bootable\nsize=2048, type=82\n".utf8),
            to: "table")
        let swap = directory.file("swap")
        try Tool.check("truncate", ["-s", "1M", swap])
        try Tool.check("mkswap", ["-q", "-U", Self.swapUUID, swap])
        try Tool.check("truncate", ["-s", "\(Self.partitionSize + (4 << 20))", path])
        try Tool.check("sh", ["-c", "sfdisk -q \(path) < \(table)"])
        try Tool.check(
            "dd", ["if=\(filesystem)", "of=\(path)", "bs=1M", "seek=1", "conv=notrunc", "status=none"])
        try Tool.check("dd", ["if=\(swap)", "of=\(path)", "bs=1M", "seek=33", "conv=notrunc", "status=none"])
    }

    private static func put(_ content: String, at path: String) throws {
        let parent = URL(filePath: path).deletingLastPathComponent()
        try FileManager.default.createDirectory(at: parent, withIntermediateDirectories: true)
        if content.hasPrefix("→ ") {
            try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: String(content.dropFirst(2)))
        } else {
            try Data(content.utf8).write(to: URL(filePath: path))
        }
    }

    /// Modules need not be programs to be copied; their index is written by hand, as depmod would.
    private static func addKernel(_ version: String, initramfs: String, _ tree: String) throws {
        let modules = "\(tree)/lib/modules/\(version)"
        let dependencies = [
            "virtio": [], "virtio_ring": ["virtio"], "virtio_pci": ["virtio_ring", "virtio"],
            "virtio_blk": ["virtio_ring", "virtio"], "virtio_net": ["virtio_ring", "virtio"], "sd_mod": [],
        ]
        func file(_ name: String) -> String { "kernel/drivers/\(name).ko" }
        for name in dependencies.keys { try put("module \(name)", at: "\(modules)/\(file(name))") }
        let index = dependencies.sorted { $0.key < $1.key }.map { name, needed in
            "\(file(name)): \(needed.map(file).joined(separator: " "))\n"
        }
        try put(index.joined(), at: "\(modules)/modules.dep")
        try put("kernel/drivers/virtio_scsi.ko\n", at: "\(modules)/modules.builtin")
        try put("the binary index", at: "\(modules)/modules.dep.bin")
        try put("CONFIG_RD_GZIP=y\nCONFIG_RD_ZSTD=y\n", at: "\(tree)/boot/config-\(version)")
        try put("a kernel", at: "\(tree)/boot/vmlinuz-\(version)")
        let script = """
            set -e; d=$(mktemp -d); mkdir -p "$d/usr/lib/modules/\(version)" "$d/etc/systemd/network"; ln -s usr/lib "$d/lib"
            echo init > "$d/init"; cd "$d"; find . | LC_ALL=C sort | cpio --quiet -o -H newc | gzip -n > \(tree)\(initramfs); rm -r "$d"
            """
        try Tool.check("sh", ["-c", script])
    }

    /// Fixes it, in the file. Its disk is given up if that fails in the middle.
    func fix(_ change: (inout Fixup) -> Void = { _ in }) throws -> FixupReport {
        var fixup = Fixup(manifests: ManifestSet(try ManifestSet.builtIn()))
        change(&fixup)
        return try fixup.run(on: Machine([FileDevice(path)]))
    }

    /// What e2fsck says about the filesystem.
    func check() throws -> Tool.Result {
        let partition = try extract()
        return try Tool.run("e2fsck", ["-fn", partition])
    }

    /// The content of a file, as debugfs reads it.
    func content(_ file: String) throws -> String {
        try Tool.check("debugfs", ["-R", "cat \(file)", try extract()])
    }

    /// What was added to the initramfs, as zstd and cpio read it: it begins at a multiple of 4 behind what was there.
    func addedToInitramfs(_ file: String) throws -> [String] {
        let copy = directory.file("initramfs")
        try Tool.check("debugfs", ["-R", "dump \(file) \(copy)", try extract()])
        let original = try #require(fileSize(directory.file("tree") + file))
        #expect(try contents(of: copy).starts(with: try contents(of: directory.file("tree") + file)))
        let start = (original + 3) / 4 * 4 + 1
        let list = try Tool.check("sh", ["-c", "tail -c +\(start) \(copy) | zstd -dc | cpio --quiet -t"])
        return list.split(separator: "\n").map(String.init)
    }

    private func extract() throws -> String {
        let partition = directory.file("partition")
        try Tool.check(
            "dd",
            [
                "if=\(path)", "of=\(partition)", "bs=1M", "skip=1", "count=\(Self.partitionSize >> 20)", "status=none",
            ])
        return partition
    }
}
