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

    static let all = [raw] + vmdk + qcow2 + vdi + vhd + vhdx
    /// One of each kind.
    static let few =
        [raw] + vmdk + vdi + vhd + vhdx + qcow2.filter { $0.name.hasSuffix(", 65536") || $0.name.hasSuffix(", 512") }
}
