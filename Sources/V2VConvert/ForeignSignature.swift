import ByteLayout
import DiskImage

/// Marks of formats that are not read, and remains of formats whose mark is gone.
struct ForeignSignature {
    var description: String
    var advice: String

    private static let forceAdvice = "if it is a raw disk all the same, say so with -f raw"

    private static let vhdCookie = Array("conectix".utf8)

    /// Magic bytes, where they are, and whose they are.
    private static let table: [(bytes: [UInt8], offset: Int, name: String)] = [
        (Array("QED\0".utf8), 0, "a QED image"),
        (Array("QFI".utf8) + [0xFA], 0, "a damaged qcow image"),
        (Array("WithoutFreeSpace".utf8), 0, "a Parallels disk"),
        (Array("WithouFreSpacExt".utf8), 0, "a Parallels disk"),
        (Array("LUKS".utf8) + [0xBA, 0xBE], 0, "a LUKS-encrypted disk"),
        (Array("vmdk".utf8), 0, "an unfinished VMDK (its writer did not complete it)"),
        ([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00], 0, "an xz file"),
        ([0x28, 0xB5, 0x2F, 0xFD], 0, "a Zstandard file"),
        (Array("BZh".utf8), 0, "a bzip2 file"),
        ([0x50, 0x4B, 0x03, 0x04], 0, "a ZIP file"),
        ([0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C], 0, "a 7-Zip file"),
        ([0x04, 0x22, 0x4D, 0x18], 0, "an LZ4 file"),
        (Array("LZIP".utf8) + [1], 0, "an lzip file"),
        ([0x89, 0x4C, 0x5A, 0x4F, 0x00, 0x0D, 0x0A, 0x1A, 0x0A], 0, "an lzop file"),
        (Array("Rar!".utf8) + [0x1A, 0x07], 0, "a RAR file"),
        (Array("MSWIM".utf8) + [0, 0, 0], 0, "a Windows image (WIM)"),
        (Array("VMA".utf8) + [0, 0, 0, 0, 1], 0, "a Proxmox backup (VMA)"),
        (Array("DataTransformEnvelope".utf8), 0, "an encrypted archive of ESXi"),
        (Array("EVF".utf8) + [0x09, 0x0D, 0x0A, 0xFF, 0x00], 0, "an EnCase image (E01)"),
        (Array("AFF10".utf8) + [0x0D, 0x0A, 0x00], 0, "an AFF image"),
        (Array("Bochs Virtual HD Image".utf8), 0, "a Bochs disk"),
        (Array("#!/bin/sh\n#V2.0 Format".utf8), 0, "a compressed loop image (cloop)"),
        ([0x3A, 0xFF, 0x26, 0xED], 0, "an Android sparse image"),
        (Array("<?xml".utf8), 0, "an XML file"),
        (Array("<!DOCTYPE".utf8), 0, "a web page"),
        (Array("<!doctype".utf8), 0, "a web page"),
        (Array("<HTML".utf8), 0, "a web page"),
        (Array("<html".utf8), 0, "a web page"),
    ]

    /// What `probe` carries the mark of, nil for nothing known.
    static func find(in probe: ProbeData, path: String) -> ForeignSignature? {
        if let match = table.first(where: { probe.has($0.bytes, at: $0.offset) }) {
            return ForeignSignature(description: match.name, advice: forceAdvice)
        }
        if probe.suffix.starts(with: Array("koly".utf8)), probe.suffix.count == 512 {
            return ForeignSignature(
                description: "an Apple disk image (DMG)", advice: "convert it first: dmg2img; \(forceAdvice)")
        }
        // A fixed VHD is a raw disk with a footer of 512 (old ones: 511) bytes; this one was not recognised.
        if probe.suffix.starts(with: vhdCookie) || probe.suffix.dropFirst().starts(with: vhdCookie) {
            return ForeignSignature(
                description: "a fixed VHD whose footer is wrong",
                advice: "if it is one all the same, say so with -f vpc; if it is a raw disk, with -f raw")
        }
        // Cut short it is as raw as can be, but for its name.
        if path.lowercased().hasSuffix(".vhd") {
            return ForeignSignature(
                description: "a fixed VHD without its footer, perhaps cut short",
                advice: "copy it again; \(forceAdvice)")
        }
        if let remains = remains(probe) {
            return ForeignSignature(
                description: "\(remains) whose first bytes are damaged",
                advice: "restore it from its origin; \(forceAdvice)")
        }
        return nil
    }

    /// What the name of a file that carries no mark says that it should be, nil if it says nothing: damaged, or something
    /// else that was saved under this name.
    static func promised(by path: String) -> ForeignSignature? {
        guard let format = path.pathExtension.flatMap({ extensions[$0] }) else { return nil }
        return ForeignSignature(
            description: "\(format), by its name, whose content is damaged or something else",
            advice: "copy it again, or look at what it is; \(forceAdvice)")
    }

    private static let extensions = [
        "vmdk": "a VMDK", "qcow": "a qcow image", "qcow2": "a qcow2 image", "vhdx": "a VHDX", "avhdx": "a VHDX",
        "vdi": "a VDI", "ova": "an OVA", "ovf": "an OVF", "vmx": "a VMX",
    ]

    /// Formats that are recognisable without their magic.
    private static func remains(_ probe: ProbeData) -> String? {
        // A sparse VMDK has a version and bytes that notice a transfer in text mode, or a descriptor behind the header.
        if probe.prefix.count >= 512, (1...3).contains(probe.prefix.littleEndian(UInt32.self, at: 4)),
            probe.has([0x0A, 0x20, 0x0D, 0x0A], at: 73)
        {
            return "a VMDK"
        }
        let behindHeader = probe.prefix.dropFirst(512).prefix(1024).prefix { $0 != 0 }
        let text = String(decoding: behindHeader, as: UTF8.self)
        if text.hasPrefix("# Disk DescriptorFile") || text.contains("createType=") { return "a VMDK" }
        let isShort = probe.fileSize < 512
        for (magic, name) in [
            (Array("QFI\u{FB}".unicodeScalars.map { UInt8($0.value) }), "a qcow2 image"),
            (Array("KDMV".utf8), "a VMDK"),
        ]
        where isShort && probe.prefix.count < 4 && !probe.prefix.isEmpty && magic.starts(with: probe.prefix) {
            return name
        }
        guard probe.prefix.count >= 112 else { return nil }
        // A qcow2 header has a version, a cluster size and tables at aligned places, in cluster 1 or later.
        let version = probe.prefix.bigEndian(UInt32.self, at: 4)
        let clusterBits = probe.prefix.bigEndian(UInt32.self, at: 20)
        guard (2...3).contains(version), (9...21).contains(clusterBits) else { return nil }
        let mask = (UInt64(1) << UInt64(clusterBits)) - 1
        let tables = [probe.prefix.bigEndian(UInt64.self, at: 40), probe.prefix.bigEndian(UInt64.self, at: 48)]
        return tables.allSatisfy { $0 > 0 && $0 & mask == 0 && $0 < probe.fileSize } ? "a qcow2 image" : nil
    }
}
