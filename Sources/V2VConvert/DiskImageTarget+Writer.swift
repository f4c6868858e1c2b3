import DiskImage
import RawFormat
import VMDKFormat

extension DiskImageTarget {
    /// `size` bytes, less than 2^63, rounded up to sectors, in which guests and QEMU count.
    static func wholeSectors(_ size: UInt64) -> UInt64 { (size + 511) & ~511 }

    /// What a file's offsets reach, less room for tables.
    private static let maximumSize = UInt64(Int64.max) >> 1

    /// Bytes of a disk, in whole sectors, that is to have `size` bytes.
    /// - Parameters:
    ///   - code: what is thrown if no file can be so large.
    ///   - path: of the file that wants it.
    static func diskSize(_ size: UInt64, unless code: ImageError.Code, path: String) throws(ImageError) -> UInt64 {
        guard size <= maximumSize else {
            throw ImageError(code, "a disk of \(size) bytes is larger than any file can be", path: path)
        }
        return wholeSectors(size)
    }

    /// At 185 MB/s a core the result is smaller than that of QEMU, which uses zlib's level 6 with a window of 4 KiB.
    private static let defaultDeflateLevel = 1
    /// What filesystems allocate, and what `qemu-img convert` looks at.
    private static let defaultRawUnit = 4096

    /// A writer for a disk of `virtualSize` bytes, or, if that is nil, of a size that only its end will tell.
    /// - Parameter makeMap: makes a map of the disk of the writer's own.
    /// - Throws: `invalidOption`.
    func makeWriter(
        _ format: TargetFormat, virtualSize: UInt64?, makeMap: () throws(ImageError) -> any DiskMap
    ) throws(ImageError) -> any ImageWriter {
        switch format {
        case .raw(let options): try makeRawWriter(options, virtualSize: virtualSize)
        case .qcow2(let options):
            descriptor == nil
                ? try makeQCOW2Writer(options, virtualSize: virtualSize)
                : try makeQCOW2StreamWriter(
                    options, virtualSize: try Self.requireSize(virtualSize, for: "a qcow2 image in a stream"),
                    map: try makeMap())
        case .vmdk(let options):
            try makeVMDKWriter(options, virtualSize: try Self.requireSize(virtualSize, for: "a VMDK"))
        case .vhd(let options):
            try makeVHDWriter(options, virtualSize: try Self.requireSize(virtualSize, for: "a VHD"))
        case .vhdx(let options):
            try makeVHDXWriter(options, virtualSize: try Self.requireSize(virtualSize, for: "a VHDX"))
        }
    }

    /// Throws if only its end tells how large the disk is.
    static func requireSize(_ virtualSize: UInt64?, for what: String) throws(ImageError) -> UInt64 {
        guard let virtualSize else {
            throw ImageError(
                .invalidOption, "\(what) must be begun with the size of the disk, which only the input's end will tell",
                advice: "save the input to a file, or write -O raw, or -O qcow2 to a file")
        }
        return virtualSize
    }

    /// The shortest run of zeros that is left out, in bytes; 0 to write everything.
    func effectiveZeroRun(_ format: TargetFormat) throws(ImageError) -> Int {
        if let minimumZeroRun, minimumZeroRun < 0 || minimumZeroRun % 512 != 0 {
            throw ImageError(.invalidOption, "-S takes a multiple of 512, not \(minimumZeroRun)")
        }
        switch format {
        case .raw(let options):
            return options.preallocation == .full || descriptor != nil ? 0 : minimumZeroRun ?? Self.defaultRawUnit
        case .qcow2(let options):
            // Version 2 can't mark a cluster as zero: over a backing file its zeros are stored.
            let storesZeros = options.preallocation == .full || options.isVersion2 && options.backing != nil
            return storesZeros || descriptor != nil ? 0 : minimumZeroRun ?? options.zeroGranularity
        case .vmdk(let options):
            return minimumZeroRun ?? (options.isFlat ? Self.defaultRawUnit : options.grainSize)
        case .vhd, .vhdx:
            return minimumZeroRun ?? Self.defaultRawUnit
        }
    }

    /// The sizes of the output's files, by number, if storage for them is to be allocated in advance.
    func preallocatedSizes(_ format: TargetFormat, virtualSize: UInt64?) throws(ImageError) -> [UInt64]? {
        switch format {
        case .raw(let options) where options.preallocation != .off:
            return [try Self.requireSize(virtualSize, for: "a preallocated disk")]
        case .qcow2(let options) where options.preallocation == .falloc || options.preallocation == .full:
            // Every cluster has its place whatever is written.
            let size = try Self.requireSize(virtualSize, for: "a preallocated disk")
            let writer: any ImageWriter = try makeQCOW2Writer(options, virtualSize: size)
            return writer.fullSizes
        default:
            return nil
        }
    }

    private func makeRawWriter(_ options: RawOptions, virtualSize: UInt64?) throws(ImageError) -> any ImageWriter {
        guard !compresses else {
            throw ImageError(.invalidOption, "raw disks can't be compressed", advice: "leave out -c or use -O qcow2")
        }
        if descriptor != nil { try requireNewOutput("to a stream") }
        let unit = Self.rawUnit(zeroRun: try effectiveZeroRun(.raw(options)))
        let mayHaveContent = existing == .overwrite || isExport && existing != .overwriteZeroed
        return RawWriter(virtualSize: virtualSize, unitSize: unit, clearsGaps: mayHaveContent)
    }

    /// Zeros are looked for in 4 KiB blocks unless a finer search was asked for.
    static func rawUnit(zeroRun: Int) -> Int {
        zeroRun > 0 && zeroRun % defaultRawUnit != 0 ? 512 : defaultRawUnit
    }

    /// The level of deflate, see ``UnitEncoding``.
    func deflateLevel() throws(ImageError) -> Int {
        try level(of: "zlib", in: deflateWindow == .kib4 ? 0...9 : 0...12, default: Self.defaultDeflateLevel)
    }

    func level(
        of codec: String, in levels: ClosedRange<Int>, default defaultLevel: Int
    ) throws(ImageError) -> Int {
        let level = compressionLevel ?? defaultLevel
        guard levels.contains(level) else {
            throw ImageError(
                .invalidOption,
                "the compression level of \(codec) is \(levels.lowerBound) to \(levels.upperBound), not \(level)")
        }
        return level
    }

    /// Throws if the output is to be written in place, which only the bytes of a disk can be.
    func requireNewOutput(_ kind: String) throws(ImageError) {
        guard !isExport else {
            throw ImageError(
                .invalidOption, "\(kind) can't be written to a server", advice: "leave out -O, or use -O raw",
                path: path)
        }
        guard existing == .refuse || existing == .replace else {
            throw ImageError(
                .invalidOption, "-n can't write \(kind)", advice: "leave out -n, or use -O raw")
        }
    }
}
