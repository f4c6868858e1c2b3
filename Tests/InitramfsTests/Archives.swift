import Foundation
import GuestDisk
import Initramfs
import TestSupport

/// Makes and unpacks archives by the tools of others.
enum Archives {
    /// A cpio archive by GNU cpio of the tree at `path`.
    static func pack(_ path: String, format: String = "newc") throws -> [UInt8] {
        let file = path + ".cpio"
        try Tool.check("sh", ["-c", "cd \(path) && find . | LC_ALL=C sort | cpio --quiet -o -H \(format) >\(file)"])
        return try contents(of: file)
    }

    /// `bytes` through a filter.
    static func pipe(_ bytes: [UInt8], _ command: String) throws -> [UInt8] {
        let directory = try TemporaryDirectory()
        let input = try directory.write(bytes, to: "in")
        try Tool.check("sh", ["-c", "\(command) <\(input) >\(directory.file("out"))"])
        return try contents(of: directory.file("out"))
    }

    /// The tool that decompresses.
    static func inflate(_ bytes: [UInt8], _ compression: ArchiveCompression) throws -> [UInt8] {
        switch compression {
        case .none: bytes
        case .gzip: try pipe(bytes, "gzip -dc")
        case .zstd: try pipe(bytes, "zstd -qdc")
        case .xz: try pipe(bytes, "xz -dc")
        case .lzma: try pipe(bytes, "xz --format=lzma -dc")
        case .lz4: try pipe(bytes, "lz4 -qdc")
        case .bzip2, .lzo: throw GuestError(.unsupported, "\(compression)")
        }
    }

    /// Unpacks `file` as the kernel would: archive by archive, each over what is there.
    static func unpack(_ file: [UInt8], into path: String) throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        let image = InitramfsImage(file)
        for segment in image.segments {
            let archive = try inflate(Array(file[segment.offset..<segment.end]), segment.compression)
            let cpio = path + ".part"
            try Tool.write(archive, to: cpio)
            // GNU cpio makes no directories by itself, as the kernel doesn't.
            try Tool.check("sh", ["-c", "cd \(path) && cpio --quiet -iu <\(cpio)"])
        }
    }
}
