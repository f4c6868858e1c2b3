import TestSupport
import Testing

/// A way to store a disk, made by software that is not ours (or, where there is none, straight from the reference).
struct SourceVariant: Sendable, CustomTestStringConvertible {
    var name: String
    var format: String
    var make: @Sendable (_ raw: String, _ path: String) throws -> Void

    var testDescription: String { name }

    private static func qemu(_ name: String, _ format: String, _ options: String, compress: Bool = false) -> Self {
        SourceVariant(name: name, format: format) {
            try QEMU.convert($0, to: $1, format: format, options: options, compress: compress)
        }
    }

    static let raw = SourceVariant(name: "raw", format: "raw") { try Tool.check("cp", ["--sparse=always", $0, $1]) }

    static let vmdk: [SourceVariant] = [
        qemu("VMDK sparse", "vmdk", "subformat=monolithicSparse"),
        qemu("VMDK sparse, zeroed grains", "vmdk", "subformat=monolithicSparse,zeroed_grain=on"),
        qemu("VMDK flat", "vmdk", "subformat=monolithicFlat"),
        qemu("VMDK stream, tables in front", "vmdk", "subformat=streamOptimized"),
        SourceVariant(name: "VMDK stream, VMware's order", format: "vmdk") { raw, path in
            let builder = VMDKStreamBuilder { (try? deflated($0, windowBits: 15)) ?? [] }
            try Tool.write(builder.image(of: try contents(of: raw)), to: path)
        },
        qemu("VMDK split sparse", "vmdk", "subformat=twoGbMaxExtentSparse"),
        qemu("VMDK split flat", "vmdk", "subformat=twoGbMaxExtentFlat"),
    ]

    static let qcow2: [SourceVariant] = (9...21).flatMap { bits -> [SourceVariant] in
        let size = "cluster_size=\(1 << bits)"
        return [
            qemu("qcow2 v3, \(1 << bits)", "qcow2", size),
            qemu("qcow2 v2, \(1 << bits)", "qcow2", size + ",compat=0.10"),
            qemu("qcow2 zlib, \(1 << bits)", "qcow2", size, compress: true),
            qemu("qcow2 v2 zlib, \(1 << bits)", "qcow2", size + ",compat=0.10", compress: true),
            qemu("qcow2 zstd, \(1 << bits)", "qcow2", size + ",compression_type=zstd", compress: true),
        ]
    }

    /// What qemu-img reads and does not write, and what it rarely writes.
    static let rareQCOW2: [SourceVariant] =
        [(9, 16), (15, 16), (15, 12), (15, 21)].map { window, bits in
            built("qcow2 deflate, window 2^\(window), \(1 << bits)") {
                $0.clusterBits = bits
                $0.compress = { try? deflated($0, windowBits: -Int32(window)) }
            }
        }
        + [
            built("qcow2 deflate, gaps") {
                $0.gap = 700
                $0.compress = { try? deflated($0, windowBits: -15, level: 9) }
            },
            built("qcow2 zstd, frames of 9000 bytes") {
                $0.compressionType = 1
                $0.compress = { cluster in
                    stride(from: 0, to: cluster.count, by: 9000).flatMap {
                        zstdFrame(Array(cluster[$0..<min($0 + 9000, cluster.count)]))
                    }
                }
            },
            qemu("qcow2 extended L2", "qcow2", "extended_l2=on"),
            qemu("qcow2 extended L2 zlib, 16384", "qcow2", "extended_l2=on,cluster_size=16k", compress: true),
            qemu("qcow2 extended L2, 2097152", "qcow2", "extended_l2=on,cluster_size=2M"),
            qemu("qcow2 preallocated", "qcow2", "preallocation=metadata"),
            SourceVariant(name: "qcow2 with a data file", format: "qcow2") { raw, path in
                try QEMU.convert(raw, to: path, format: "qcow2", options: "data_file=\(path).data")
            },
        ]

    private static func built(_ name: String, _ change: @escaping @Sendable (inout QCOW2Builder) -> Void) -> Self {
        SourceVariant(name: name, format: "qcow2") { raw, path in
            var builder = QCOW2Builder { _ in nil }
            change(&builder)
            try Tool.write(builder.image(of: try contents(of: raw)), to: path)
            // The independent judge agrees that this is a sound image of the disk.
            try QEMU.requireClean(path)
            try QEMU.requireIdentical(raw, path, format: "qcow2")
        }
    }

    static let vdi: [SourceVariant] = [
        qemu("VDI dynamic", "vdi", "static=off"),
        qemu("VDI static", "vdi", "static=on"),
    ]

    /// With `force_size`: qemu-img would round the disk up to whole cylinders.
    static let vhd: [SourceVariant] = [
        qemu("VHD dynamic", "vpc", "subformat=dynamic,force_size=on"),
        qemu("VHD fixed", "vpc", "subformat=fixed,force_size=on"),
    ]

    static let vhdx: [SourceVariant] = [
        qemu("VHDX dynamic", "vhdx", "subformat=dynamic"),
        qemu("VHDX dynamic, 1 MiB", "vhdx", "subformat=dynamic,block_size=1M,block_state_zero=off"),
        qemu("VHDX fixed", "vhdx", "subformat=fixed,block_size=2M"),
    ]

    static let all = [raw] + vmdk + qcow2 + rareQCOW2 + vdi + vhd + vhdx
    /// One of each kind.
    static let few =
        [raw] + vmdk + vdi + vhd + vhdx + qcow2.filter { $0.name.hasSuffix(", 65536") || $0.name.hasSuffix(", 512") }
}
