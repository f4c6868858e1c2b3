import DiskImage
public import VMDKFormat

/// A disk image to write.
public struct DiskImageTarget: Sendable {
    /// Path of the output.
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
    /// A multiple of 512, or nil for the format's own granularity (a cluster or grain; 4 KiB of raw files and flat extents).
    public var minimumZeroRun: Int?

    /// What happens to an output that exists.
    public enum ExistingOutput: Sendable {
        /// It is an error.
        case refuse
        /// It is replaced when the new one is complete.
        case replace
        /// Its content is overwritten in place: `-n`, for devices and volumes. Raw only.
        case overwrite
        /// Like ``overwrite``, and it is known to read as zeros.
        case overwriteZeroed
    }

    /// The output at `path`.
    public init(path: String, format: TargetFormat? = nil) {
        self.path = path
        self.format = format
    }

    /// The format that the extension of the output's name stands for.
    /// - Throws: `invalidOption` if it stands for none.
    public func formatOfExtension() throws(ImageError) -> ImageFormat {
        let name = path.split(separator: "/").last ?? ""
        switch name.split(separator: ".", omittingEmptySubsequences: false).dropFirst().last?.lowercased() {
        case "qcow2": return .qcow2
        case "vmdk": return .vmdk
        case "raw", "img": return .raw
        default:
            throw ImageError(
                .invalidOption, "the name \"\(path)\" doesn't tell the output's format",
                advice: "pass -O qcow2, -O vmdk or -O raw, or use such an extension")
        }
    }

    /// The format of the output: as said, or by the extension of its name.
    func resolvedFormat() throws(ImageError) -> TargetFormat {
        if let format { return format }
        return switch try formatOfExtension() {
        case .qcow2: .qcow2(.init())
        case .vmdk: .vmdk(.init())
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

    /// The format's name.
    public var name: ImageFormat {
        switch self {
        case .raw: .raw
        case .qcow2: .qcow2
        case .vmdk: .vmdk
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

/// The form of a qcow2 image.
public struct QCOW2Options: Sendable, Equatable {
    /// How clusters are compressed.
    public enum Compression: String, Sendable, CaseIterable {
        /// Deflate; every reader of qcow2 knows it.
        case zlib
        /// Zstandard; needs `compat` 1.1 and QEMU 5.1 or later.
        case zstd
    }

    /// Bytes of a cluster: a power of two from 512 to 2 MiB.
    public var clusterSize = 65536
    /// Version 2 of the format (`compat=0.10`), which very old QEMUs read, instead of 3.
    public var isVersion2 = false
    /// The compression type.
    public var compression = Compression.zlib
    /// Bits of a reference count: 1, 2, 4, 8, 16, 32 or 64; only 16 in version 2.
    public var refcountBits = 16
    /// Tell zeros by subclusters, 32 of them a cluster (`extended_l2`). Needs `compat` 1.1, clusters of at least 16 KiB,
    /// and QEMU 5.2 or later.
    public var hasExtendedL2 = false
    /// Let QEMU postpone its writing of reference counts (`lazy_refcounts`). Needs `compat` 1.1.
    public var hasLazyRefcounts = false

    /// Bytes whose zeros are told separately.
    var zeroGranularity: Int { hasExtendedL2 ? clusterSize / 32 : clusterSize }

    /// Version 3, clusters of 64 KiB.
    public init() {}
}
