import ApplianceFormat
import DiskImage
import QCOW2Format
import RawFormat
import VDIFormat
import VHDFormat
import VHDXFormat
import VMDKFormat

/// The formats that can be read. A new format is a folder and a line here.
enum FormatRegistry {
    static let readers: [any ImageReader.Type] = [
        QCOW2Reader.self,
        VMDKReader.self,
        VDIReader.self,
        VHDReader.self,
        VHDXReader.self,
        OVAReader.self,
        OVFReader.self,
        VMXReader.self,
        GzipReader.self,
        RawReader.self,
    ]

    /// The formats that QEMU reads a backing file in, whether we do or not.
    static let backingFormats: [ImageFormat] =
        [.qcow2, .raw, .vmdk, .vdi, .vpc, .vhdx]
        + ["bochs", "cloop", "dmg", "luks", "parallels", "qcow", "qed"].map { ImageFormat(rawValue: $0) }

    static func reader(of format: ImageFormat) -> (any ImageReader.Type)? {
        readers.first { $0.format == format }
    }

    /// Names for messages and help.
    static var names: String {
        readers.map { $0.format.rawValue }.joined(separator: ", ")
    }
}
