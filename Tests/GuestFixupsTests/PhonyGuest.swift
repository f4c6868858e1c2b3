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

    private let tree: PhonyTree
    /// The disk's image.
    let path: String

    var directory: TemporaryDirectory { tree.directory }
    var kernels: [PhonyKernel] { tree.kernels }

    /// - Parameters:
    ///   - files: contents by path. A content that begins with `→ ` is a symbolic link.
    ///   - kernel: the version of a kernel that has virtio as modules; its initramfs, without them, goes to `initramfs`.
    init(_ files: [String: String], kernel: String, initramfs: String) throws {
        try self.init(files, kernels: [PhonyKernel(version: kernel, initramfs: initramfs, builtIn: ["virtio_scsi"])])
    }

    init(_ files: [String: String], kernels: [PhonyKernel], initramfsFiles: [String: String] = [:]) throws {
        tree = try PhonyTree(files, kernels: kernels, initramfsFiles: initramfsFiles)
        path = tree.directory.file("disk.raw")
        let filesystem = directory.file("root.ext4")
        try Tool.check(
            "mke2fs",
            ["-q", "-t", "ext4", "-U", Self.rootUUID, "-d", tree.path, filesystem, "\(Self.partitionSize >> 10)k"])
        let table = try directory.write(
            Array(
                "label: dos\nlabel-id: 0x76327663\nsize=\(Self.partitionSize / 512), type=83, bootable\nsize=2048, type=82\n"
                    .utf8),
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

    /// The names in what was added to the initramfs.
    func addedToInitramfs(_ file: String) throws -> [String] {
        let copy = directory.file("initramfs")
        try Tool.check("debugfs", ["-R", "dump \(file) \(copy)", try extract()])
        return try unpackAddition(copy, of: file, as: "t")
    }

    /// Has cpio do `action` with what was added to the initramfs of which `copy` is one: behind what was there, at a multiple
    /// of 4.
    @discardableResult
    func unpackAddition(_ copy: String, of file: String, as action: String) throws -> [String] {
        let original = try contents(of: tree.path + file)
        let changed = try contents(of: copy)
        #expect(changed.starts(with: original))
        let addition = changed.dropFirst((original.count + 3) / 4 * 4)
        let program = addition.starts(with: [0x1F, 0x8B]) ? "gzip" : "zstd"
        let path = try directory.write(Array(addition), to: "addition")
        let list = try Tool.check("sh", ["-c", "\(program) -dc < \(path) | cpio --quiet -\(action)"])
        return list.split(separator: "\n").map(String.init)
    }

    /// The root's files, as debugfs copies them to a new directory.
    func copyFiles(to path: String) throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try Tool.check("debugfs", ["-R", "rdump / \(path)", try extract()])
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
