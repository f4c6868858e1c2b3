/// How an archive of an initramfs is compressed: what Linux can be configured to read (usr/Kconfig, lib/decompress.c).
package enum ArchiveCompression: String, CaseIterable, Sendable {
    case none, gzip, bzip2, lzma, xz, lzo
    /// The "legacy" frame of the lz4 tool.
    case lz4
    case zstd

    /// Recognises by the first two bytes, as the kernel does; nil if it would call it junk. An archive that isn't
    /// compressed begins with a digit.
    init?(firstBytes bytes: ArraySlice<UInt8>) {
        if bytes.first == CPIO.magics[0][0] {
            self = .none
            return
        }
        switch Array(bytes.prefix(2)) {
        case [0x1F, 0x8B], [0x1F, 0x9E]: self = .gzip
        case Array("BZ".utf8): self = .bzip2
        case [0x5D, 0x00]: self = .lzma
        case [0xFD, UInt8(ascii: "7")]: self = .xz
        case [0x89, UInt8(ascii: "L")]: self = .lzo
        case [0x02, 0x21]: self = .lz4
        case [0x28, 0xB5]: self = .zstd
        default: return nil
        }
    }

    /// The option of the kernel's configuration without which it can't be read; nil if none is needed.
    var option: String? {
        self == .none ? nil : "CONFIG_RD_\(rawValue.uppercased())"
    }

    /// Those that the kernel with this configuration, the text of `/boot/config-KVER`, can read.
    package static func allowed(byConfiguration text: String) -> Set<ArchiveCompression> {
        let lines = Set(text.split(separator: "\n").map { $0.trimmingPrefix { $0 == " " } })
        return Set(
            allCases.filter { compression in
                guard let option = compression.option else { return true }
                return lines.contains("\(option)=y")
            })
    }
}
