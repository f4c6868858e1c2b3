import DiskImage
import NBD
public import VHDFormat
public import VHDXFormat
public import VMDKFormat

/// A disk image to write.
public struct DiskImageTarget: Sendable {
    /// Path of the output; or the URI of an export of an NBD server, as in ``DiskImageSource/path``, which is overwritten in
    /// place with a raw disk, whatever ``existing`` says: it can't be whole or nothing.
    public var path: String
    /// An open descriptor, of a pipe for instance, that the image is written to in order; ``path`` is then only its name in
    /// messages. For raw disks, streamOptimized VMDKs and plain qcow2
    /// images, which then have zeros that are stored in the source. A stream can't be whole or nothing: who reads it must ask
    /// whether the conversion succeeded.
    public var descriptor: Int32?
    /// The format and its options; nil to go by the name's extension.
    public var format: TargetFormat?
    /// Compress clusters (qcow2); a streamOptimized VMDK is compressed in any case.
    public var compresses = false
    /// The codec's level; nil for the default. zlib: 0 (fastest) to 12, 9 with the smaller
    /// ``deflateWindow``; zstd: 1 to 19.
    public var compressionLevel: Int?
    /// How far back the zlib compression of qcow2 clusters refers.
    public var deflateWindow = DeflateWindow.kib32
    /// What happens to a file that exists.
    public var existing = ExistingOutput.refuse
    /// Zeros are left out if at least this many bytes follow each other; 0 to write every byte.
    /// A multiple of 512, or nil for the format's own granularity: a cluster or grain, else 4 KiB.
    public var minimumZeroRun: Int?

    /// What happens to an output that exists.
    public enum ExistingOutput: Sendable {
        /// It is an error.
        case refuse
        /// It is replaced when the new one is complete.
        case replace
        /// Its content is overwritten in place: `-n`, for devices and volumes. Raw only.
        case overwrite
        /// Like ``overwrite``, and it, or the export, is known to read as zeros.
        case overwriteZeroed
    }

    /// The output at `path`.
    public init(path: String, format: TargetFormat? = nil) {
        self.path = path
        self.format = format
    }

    /// Whether the output is an export of a server.
    package var isExport: Bool { descriptor == nil && NBDExport.isURI(path) }

    /// The format that the extension of the output's name stands for; raw for an export.
    /// - Throws: `invalidOption` if it stands for none.
    public func formatOfExtension() throws(ImageError) -> ImageFormat {
        if isExport { return .raw }
        switch path.pathExtension {
        case "qcow2": return .qcow2
        case "vmdk": return .vmdk
        case "vhd": return .vpc
        case "vhdx": return .vhdx
        case "raw", "img": return .raw
        default:
            throw ImageError(
                .invalidOption, "the name \"\(path)\" doesn't tell the output's format",
                advice: "pass -O qcow2, vmdk, vpc, vhdx or raw, or use such an extension")
        }
    }

    /// The format of the output: as said, or by the extension of its name.
    func resolvedFormat() throws(ImageError) -> TargetFormat {
        if let format { return format }
        return switch try formatOfExtension() {
        case .qcow2: .qcow2(.init())
        case .vmdk: .vmdk(.init())
        case .vpc: .vhd(.init())
        case .vhdx: .vhdx(.init())
        default: .raw(.init())
        }
    }
}

/// A format that can be written, with its options.
public enum TargetFormat: Sendable {
    /// The bytes of the disk.
    case raw(RawOptions)
    /// A qcow2 image.
    case qcow2(QCOW2Options)
    /// A VMDK, of one file or several.
    case vmdk(VMDKOptions)
    /// A VHD.
    case vhd(VHDOptions)
    /// A VHDX.
    case vhdx(VHDXOptions)

    /// The format's name.
    public var name: ImageFormat {
        switch self {
        case .raw: .raw
        case .qcow2: .qcow2
        case .vmdk: .vmdk
        case .vhd: .vpc
        case .vhdx: .vhdx
        }
    }
}

/// How a raw file is laid out.
public struct RawOptions: Sendable, Equatable {
    /// How storage is allocated.
    public enum Preallocation: String, Sendable, CaseIterable {
        /// Zeros take no storage.
        case off
        /// Storage for everything is reserved.
        case falloc
        /// Every byte is written.
        case full
    }

    /// How storage is allocated.
    public var preallocation = Preallocation.off

    /// A sparse file.
    public init() {}
}
