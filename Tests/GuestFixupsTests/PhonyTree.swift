import Foundation
import TestSupport

/// A guest's files without its programs.
struct PhonyTree {
    let directory: TemporaryDirectory
    /// What is below the root.
    let path: String
    let kernels: [PhonyKernel]

    /// - Parameters:
    ///   - files: contents by path. A content that begins with `→ ` is a symbolic link.
    ///   - initramfsFiles: of every kernel's initramfs.
    init(_ files: [String: String], kernels: [PhonyKernel], initramfsFiles: [String: String] = [:]) throws {
        directory = try TemporaryDirectory()
        self.kernels = kernels
        path = directory.file("tree")
        for (file, content) in files.merging(["/bin/sh": ""], uniquingKeysWith: { given, _ in given }) {
            try Self.put(content, at: path + file)
        }
        for kernel in kernels {
            try addModules(kernel)
            try addInitramfs(kernel, initramfsFiles)
        }
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

    /// Modules need not be programs to be copied.
    private func addModules(_ kernel: PhonyKernel) throws {
        let modules = "\(path)/lib/modules/\(kernel.version)"
        for name in kernel.modules { try Self.put("module \(name)", at: "\(modules)/\(kernel.file(name))") }
        try Self.put(kernel.index, at: "\(modules)/modules.dep")
        try Self.put(kernel.builtIn.map { "kernel/drivers/\($0).ko\n" }.joined(), at: "\(modules)/modules.builtin")
        try Self.put("the binary index", at: "\(modules)/modules.dep.bin")
        let configuration = kernel.reads.map { "CONFIG_RD_\($0)=y\n" }.joined()
        try Self.put(configuration, at: "\(path)/boot/config-\(kernel.version)")
        try Self.put("a kernel", at: path + (kernel.image ?? "/boot/vmlinuz-\(kernel.version)"))
    }

    private func addInitramfs(_ kernel: PhonyKernel, _ files: [String: String]) throws {
        guard let initramfs = kernel.initramfs else { return }
        let content = directory.file("content")
        for directory in ["usr/lib/modules/\(kernel.version)", "etc/systemd/network"] {
            try FileManager.default.createDirectory(
                atPath: "\(content)/\(directory)", withIntermediateDirectories: true)
        }
        try Self.put("→ usr/lib", at: "\(content)/lib")
        try Self.put("→ usr/bin", at: "\(content)/bin")
        let skeleton = Dictionary(uniqueKeysWithValues: (["/init"] + kernel.skeleton).map { ($0, "") })
        for (file, text) in skeleton.merging(files, uniquingKeysWith: { $1 }) { try Self.put(text, at: content + file) }
        let parent = URL(filePath: path + initramfs).deletingLastPathComponent()
        try FileManager.default.createDirectory(at: parent, withIntermediateDirectories: true)
        let script = """
            set -e; cd \(content); find . | LC_ALL=C sort | cpio --quiet -o -H newc | gzip -n > \(path)\(initramfs)
            cd ..; rm -r \(content)
            """
        try Tool.check("sh", ["-c", script])
    }
}
