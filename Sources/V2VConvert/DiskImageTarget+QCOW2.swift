import Conversion
import DiskImage
import QCOW2Format
import SystemPackage

extension DiskImageTarget {
    /// The default of libzstd and of QEMU.
    private static let defaultZstdLevel = 3

    /// A writer for a qcow2 image of `virtualSize` bytes, nil if only the end of the disk will tell.
    func makeQCOW2Writer(_ options: QCOW2Options, virtualSize: UInt64?) throws(ImageError) -> QCOW2Writer {
        try QCOW2Writer(
            virtualSize: virtualSize, options: try writerOptions(options), encoding: try encoding(options.compression))
    }

    /// A writer for a qcow2 image of `virtualSize` bytes that goes into a pipe.
    func makeQCOW2StreamWriter(
        _ options: QCOW2Options, virtualSize: UInt64, map: any DiskMap
    ) throws(ImageError) -> QCOW2StreamWriter {
        try require(
            !compresses, "where compressed clusters will be is not known when a stream begins",
            "leave out -c, or write to a file")
        try require(
            options.backing == nil && options.dataFile == nil && options.preallocation == .off,
            "a stream is one file without holes", "leave out -B, data_file and preallocation, or write to a file")
        return try QCOW2StreamWriter(
            virtualSize: virtualSize, options: try writerOptions(options), map: map,
            partSize: UInt64(ConversionSettings.chunkSize))
    }

    private func writerOptions(_ options: QCOW2Options) throws(ImageError) -> QCOW2WriterOptions {
        try requireNewOutput("a qcow2 image")
        try validate(options)
        var writerOptions = QCOW2WriterOptions()
        writerOptions.clusterSize = UInt64(options.clusterSize)
        writerOptions.version = options.isVersion2 ? 2 : 3
        writerOptions.refcountBits = options.refcountBits
        writerOptions.hasExtendedL2 = options.hasExtendedL2
        writerOptions.hasLazyRefcounts = options.hasLazyRefcounts
        writerOptions.compression = options.compression == .zstd ? .zstd : .zlib
        // QEMU, too, gives every cluster its place if the data file is to be the disk.
        writerOptions.preallocates = options.preallocation != .off || options.isDataFileRaw
        writerOptions.backing = options.backing.map {
            BackingReference(name: $0.name, format: $0.format?.rawValue ?? "")
        }
        writerOptions.dataFile = options.dataFile.map { DataFileReference(name: $0, isRaw: options.isDataFileRaw) }
        return writerOptions
    }

    private func validate(_ options: QCOW2Options) throws(ImageError) {
        let cluster = options.clusterSize
        try require(
            (512...2 << 20).contains(cluster) && cluster.nonzeroBitCount == 1,
            "cluster_size must be a power of two from 512 to 2M, not \(cluster)")
        try require(
            [1, 2, 4, 8, 16, 32, 64].contains(options.refcountBits),
            "refcount_bits must be a power of two from 1 to 64, not \(options.refcountBits)")
        try require(
            !options.hasExtendedL2 || cluster >= 16384, "extended_l2 needs clusters of at least 16k, not \(cluster)")
        try require(
            deflateWindow == .kib32 || compresses && options.compression == .zlib,
            "the window is one of zlib's compression", "use -c without compression_type=zstd")
        if options.isVersion2 { try validateVersion2(options) }
        try validateOtherFiles(options)
        try require(
            !compresses || options.preallocation == .off && options.dataFile == nil,
            "compressed clusters can neither be preallocated nor be in a data file", "leave out -c")
    }

    private func validateVersion2(_ options: QCOW2Options) throws(ImageError) {
        let advice = "use compat=1.1"
        try require(options.refcountBits == 16, "compat=0.10 has refcounts of 16 bits", advice)
        try require(options.compression == .zlib, "compat=0.10 compresses with zlib only", advice)
        try require(
            !options.hasExtendedL2 && !options.hasLazyRefcounts && options.dataFile == nil,
            "compat=0.10 has neither extended_l2 nor lazy_refcounts nor data_file", advice)
    }

    func validateOtherFiles(_ options: QCOW2Options) throws(ImageError) {
        for (name, what) in [(options.backing?.name, "backing file"), (options.dataFile, "data file")] {
            guard let name else { continue }
            try require(!name.isEmpty, "the \(what) has no name")
            // What is before the first colon is a protocol to QEMU, unless a slash comes first.
            try require(
                !name.prefix { $0 != "/" }.contains(":"), "QEMU would take the start of \"\(name)\" for a protocol",
                "put ./ in front of it")
        }
        try require(!options.isDataFileRaw || options.dataFile != nil, "data_file_raw needs data_file")
        guard options.backing != nil else { return }
        try require(
            !options.isDataFileRaw, "over a backing file the data file can't be the disk", "leave out data_file_raw")
        try require(
            options.preallocation == .off || options.preallocation != .full && options.hasExtendedL2,
            "what is preallocated hides the backing file, except with extended_l2 (metadata, falloc)")
    }

    private func require(_ condition: Bool, _ message: String, _ advice: String? = nil) throws(ImageError) {
        if !condition { throw ImageError(.invalidOption, message, advice: advice) }
    }

    private func encoding(_ compression: QCOW2Options.Compression) throws(ImageError) -> UnitEncoding? {
        guard compresses else { return nil }
        return switch compression {
        case .zlib: .deflate(level: try deflateLevel(), window: deflateWindow)
        case .zstd: .zstd(level: try level(of: "zstd", in: 1...19, default: Self.defaultZstdLevel))
        }
    }

    /// Throws unless a format of the backing file is said that QEMU knows, if there is one: nobody looks at the file.
    func requireBackingFormat(_ targetFormat: TargetFormat) throws(ImageError) {
        guard case .qcow2(let options) = targetFormat, let backing = options.backing else { return }
        try require(backing.format != nil, "the format of the backing file is missing", "say it with -F")
        guard let format = backing.format, !FormatRegistry.backingFormats.contains(format) else { return }
        try require(
            false, "the format \"\(format.rawValue)\" of the backing file is not known",
            "known are \(FormatRegistry.backingFormats.map(\.rawValue).joined(separator: ", "))")
    }

    /// Throws if the image would be its own backing file, at which nobody looks.
    func requireOtherBackingFile(_ targetFormat: TargetFormat) throws(ImageError) {
        guard case .qcow2(let options) = targetFormat, let backing = options.backing else { return }
        let name = FilePath(path).removingLastComponent().pushing(FilePath(backing.name))
        let identity = FileIdentity(path: path)
        let isSame = identity.map { $0 == FileIdentity(path: name.string) } ?? (FilePath(path) == name)
        try require(!isSame, "an image can't be its own backing file")
    }

    /// Opens the backing file that the target format names, if it does, and completes that by the file's format.
    /// - Parameter opener: opens what it names in its turn, by the rules for the source.
    /// - Throws: `invalidOption` if it can't be one; what opening an image throws.
    func openBackingFile(
        _ targetFormat: inout TargetFormat, opener: ImageOpener
    ) throws(ImageError) -> sending (any DiskMap)? {
        guard case .qcow2(var options) = targetFormat, let backing = options.backing else { return nil }
        try validateOtherFiles(options)
        // Nothing may be left out because of what was lost.
        var opener = opener
        opener.salvages = false
        let directory = FilePath(path).removingLastComponent()
        let file = try opener.open(directory.pushing(FilePath(backing.name)).string)
        let reader = try opener.openImage(file, backing.format, opener)
        let format = type(of: reader).format
        // What a guest writes to a raw disk could make it look like something else later.
        guard backing.format != nil || format != .raw else {
            throw ImageError(
                .invalidOption, "the backing file looks raw", advice: "if it is, say so with -F raw", path: file.path)
        }
        options.backing?.format = format
        targetFormat = .qcow2(options)
        return try reader.makeMap()
    }
}
