import Conversion
import DiskImage
import QCOW2Format
import RawFormat
import VMDKFormat

extension DiskImageTarget {
    /// `size` bytes, less than 2^63, rounded up to sectors, in which guests and QEMU count.
    static func wholeSectors(_ size: UInt64) -> UInt64 { (size + 511) & ~511 }

    /// At 185 MB/s a core the result is smaller than that of QEMU, which uses zlib's level 6 with a window of 4 KiB.
    private static let defaultDeflateLevel = 1
    /// The default of libzstd and of QEMU.
    private static let defaultZstdLevel = 3
    /// What filesystems allocate, and what `qemu-img convert` looks at.
    private static let defaultRawUnit = 4096

    /// A writer for a disk of `virtualSize` bytes.
    /// - Parameter makeMap: makes a map of the disk of the writer's own.
    /// - Throws: `invalidOption`.
    func makeWriter(
        _ format: TargetFormat, virtualSize: UInt64, makeMap: () throws(ImageError) -> any DiskMap
    ) throws(ImageError) -> any ImageWriter {
        switch format {
        case .raw(let options): try makeRawWriter(options, virtualSize: virtualSize)
        case .qcow2(let options): try makeQCOW2Writer(options, virtualSize: virtualSize, makeMap: makeMap)
        case .vmdk(let options): try makeVMDKWriter(options, virtualSize: virtualSize)
        }
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
            return descriptor != nil ? 0 : minimumZeroRun ?? options.zeroGranularity
        case .vmdk(let options):
            return minimumZeroRun ?? (options.isFlat ? Self.defaultRawUnit : options.grainSize)
        }
    }

    private func makeRawWriter(_ options: RawOptions, virtualSize: UInt64) throws(ImageError) -> any ImageWriter {
        guard !compresses else {
            throw ImageError(.invalidOption, "raw disks can't be compressed", advice: "leave out -c or use -O qcow2")
        }
        if descriptor != nil { try requireNewOutput("to a stream") }
        let unit = Self.rawUnit(zeroRun: try effectiveZeroRun(.raw(options)))
        return RawWriter(virtualSize: virtualSize, unitSize: unit, clearsGaps: existing == .overwrite)
    }

    /// Zeros are looked for in 4 KiB blocks unless a finer search was asked for.
    static func rawUnit(zeroRun: Int) -> Int {
        zeroRun > 0 && zeroRun % defaultRawUnit != 0 ? 512 : defaultRawUnit
    }

    private func makeQCOW2Writer(
        _ options: QCOW2Options, virtualSize: UInt64, makeMap: () throws(ImageError) -> any DiskMap
    ) throws(ImageError) -> any ImageWriter {
        func require(_ condition: Bool, _ message: String, _ advice: String? = nil) throws(ImageError) {
            if !condition { throw ImageError(.invalidOption, message, advice: advice) }
        }
        let cluster = options.clusterSize
        try require(
            (512...2 << 20).contains(cluster) && cluster.nonzeroBitCount == 1,
            "cluster_size must be a power of two from 512 to 2M, not \(cluster)")
        try require(
            [1, 2, 4, 8, 16, 32, 64].contains(options.refcountBits),
            "refcount_bits must be a power of two from 1 to 64, not \(options.refcountBits)")
        try require(
            !options.isVersion2 || options.refcountBits == 16, "compat=0.10 has refcounts of 16 bits",
            "use compat=1.1")
        try require(
            !options.isVersion2 || options.compression == .zlib, "compat=0.10 compresses with zlib only",
            "use compat=1.1")
        try require(
            !options.isVersion2 || !options.hasExtendedL2 && !options.hasLazyRefcounts,
            "compat=0.10 has neither extended_l2 nor lazy_refcounts", "use compat=1.1")
        try require(
            !options.hasExtendedL2 || cluster >= 16384, "extended_l2 needs clusters of at least 16k, not \(cluster)")
        try require(
            deflateWindow == .kib32 || compresses && options.compression == .zlib,
            "the window is one of zlib's compression", "use -c without compression_type=zstd")
        try requireNewOutput("a qcow2 image")
        var writerOptions = QCOW2WriterOptions()
        writerOptions.clusterSize = UInt64(cluster)
        writerOptions.version = options.isVersion2 ? 2 : 3
        writerOptions.refcountBits = options.refcountBits
        writerOptions.hasExtendedL2 = options.hasExtendedL2
        writerOptions.hasLazyRefcounts = options.hasLazyRefcounts
        writerOptions.compression = options.compression == .zstd ? .zstd : .zlib
        if descriptor != nil {
            try require(
                !compresses, "where compressed clusters will be is not known when a stream begins",
                "leave out -c, or write to a file")
            return try QCOW2StreamWriter(
                virtualSize: virtualSize, options: writerOptions, map: try makeMap(),
                partSize: UInt64(ConversionSettings.chunkSize))
        }
        return try QCOW2Writer(
            virtualSize: virtualSize, options: writerOptions, encoding: try encoding(options.compression))
    }

    private func encoding(_ compression: QCOW2Options.Compression) throws(ImageError) -> UnitEncoding? {
        guard compresses else { return nil }
        return switch compression {
        case .zlib: .deflate(level: try deflateLevel(), window: deflateWindow)
        case .zstd: .zstd(level: try level(of: "zstd", in: 1...19, default: Self.defaultZstdLevel))
        }
    }

    /// The level of deflate, see ``UnitEncoding``.
    func deflateLevel() throws(ImageError) -> Int {
        try level(of: "zlib", in: deflateWindow == .kib4 ? 0...9 : 0...12, default: Self.defaultDeflateLevel)
    }

    private func level(
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
        guard existing == .refuse || existing == .replace else {
            throw ImageError(
                .invalidOption, "-n can't write \(kind)", advice: "leave out -n, or use -O raw")
        }
    }
}
