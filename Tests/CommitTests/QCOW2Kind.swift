import DiskImage
import Foundation
import TestSupport
import Testing

/// A kind of image to which changes are committed, made by qemu-img.
struct QCOW2Kind: Sendable, CustomTestStringConvertible {
    var options: String
    var size = (1 << 20) + 1536
    var isCompressed = false
    var hasBacking = false
    var hasSnapshot = false
    var hasBitmap = false

    var testDescription: String {
        options + (isCompressed ? " compressed" : "") + (hasBacking ? " backing" : "")
            + (hasSnapshot ? " snapshot" : "") + (hasBitmap ? " bitmap" : "")
    }

    static let all = [
        QCOW2Kind(options: "cluster_size=512,refcount_bits=64", size: (256 << 10) + 512),
        QCOW2Kind(options: "cluster_size=512,refcount_bits=1", size: (256 << 10) + 512, hasBacking: true),
        QCOW2Kind(options: "cluster_size=4k,refcount_bits=16"),
        QCOW2Kind(options: "cluster_size=64k,lazy_refcounts=on"),
        QCOW2Kind(options: "cluster_size=2M", size: (5 << 20) + 512),
        QCOW2Kind(options: "cluster_size=4k,compat=0.10"),
        QCOW2Kind(options: "cluster_size=4k,compat=0.10", hasBacking: true),
        QCOW2Kind(options: "cluster_size=4k", isCompressed: true),
        QCOW2Kind(options: "cluster_size=64k,compression_type=zstd", isCompressed: true),
        QCOW2Kind(options: "cluster_size=16k,extended_l2=on", hasBacking: true),
        QCOW2Kind(options: "cluster_size=64k,extended_l2=on"),
        QCOW2Kind(options: "cluster_size=4k", hasBacking: true),
        QCOW2Kind(options: "cluster_size=4k,refcount_bits=8", hasSnapshot: true),
        QCOW2Kind(options: "cluster_size=64k,preallocation=metadata"),
        QCOW2Kind(options: "cluster_size=64k,preallocation=falloc"),
        QCOW2Kind(options: "cluster_size=4k", hasBitmap: true),
    ]

    /// Makes an image of this kind in `directory`.
    /// - Returns: its path, and that of the raw disk that qemu-img reads in it.
    func make(in directory: TemporaryDirectory) throws -> (image: String, raw: String) {
        let image = directory.file("disk.qcow2")
        let raw = directory.file("disk.raw")
        let full = DiskContent.text(size: size).bytes()
        // Some of it is in the image, some in the backing file, some nowhere.
        if hasBacking {
            try directory.write(full, to: "base.raw")
            try Tool.check(
                "qemu-img",
                ["create", "-q", "-f", "qcow2", "-F", "raw", "-b", directory.file("base.raw"), "-o", options, image])
        } else if isCompressed {
            try QEMU.convert(
                directory.write(full, to: "full.raw"), to: image, format: "qcow2", options: options, compress: true)
        } else {
            try Tool.check("qemu-img", ["create", "-q", "-f", "qcow2", "-o", options, image, "\(size)"])
        }
        try Tool.check(
            "qemu-io",
            ["-c", "write -q -P 1 4k 20k", "-c", "write -q -P 2 120k 40k", "-c", "write -q -z 64k 16k", image])
        if hasSnapshot {
            try Tool.check("qemu-img", ["snapshot", "-c", "before", image])
            try Tool.check("qemu-io", ["-c", "write -q -P 3 8k 8k", image])
        }
        // Clusters that are free inside the file.
        try Tool.check("qemu-io", ["-c", "write -q -P 4 192k 64k", "-c", "discard -q 192k 64k", image])
        if hasBitmap { try Tool.check("qemu-img", ["bitmap", "--add", "--enable", image, "dirty"]) }
        try Tool.check("qemu-img", ["convert", "-O", "raw", image, raw])
        return (image, raw)
    }
}
