import ByteLayout

/// Puts the segments of an initramfs behind each other.
struct SegmentAssembly {
    private(set) var bytes: [UInt8] = []
    private let known: Set<ArchiveCompression>
    /// Bytes that the lz4 frames inflate to that end here; nil if something else does.
    private var lz4Length: Int?

    init(known: Set<ArchiveCompression>) {
        self.known = known
    }

    /// Adds a segment as it is.
    mutating func add(_ segment: InitramfsSegment, of file: [UInt8]) {
        align(for: segment.compression)
        bytes += file[segment.offset..<segment.end]
        lz4Length = segment.compression == .lz4 ? (lz4Length ?? 0) + segment.inflatedLength : nil
    }

    /// Adds a segment in another compression.
    mutating func add(compressed: [UInt8], by compression: ArchiveCompression) {
        align(for: compression)
        bytes += compressed
        lz4Length = nil
    }

    /// Adds an archive, in the best compression that the kernel reads and that takes no more than a moment.
    mutating func add(archive: [UInt8]) {
        let recipe = recipe
        // An archive in the same stream as others begins at a multiple of 4 of it.
        let padding = lz4Length.map { [UInt8](repeating: 0, count: $0.alignedUp(to: 4) - $0) } ?? []
        align(for: recipe.compression)
        bytes += recipe.encode(padding + archive)
        // Uncompressed or not: a boot loader that concatenates files may put another archive behind.
        while bytes.count % 4 != 0, recipe != .lz4 { bytes.append(0) }
    }

    /// Adds zeros, which the kernel skips.
    mutating func fill(_ count: Int) {
        bytes += repeatElement(0, count: count)
    }

    private var recipe: ArchiveRecipe {
        // Behind an lz4 frame, kernels before 5.14 read nothing but blocks of lz4.
        if lz4Length != nil { return .lz4 }
        if known.contains(.zstd) { return .zstd(level: 9) }
        if known.contains(.gzip) { return .gzip(level: 9) }
        if known.contains(.xz) { return .xz(preset: 1, x86: false) }
        return .none
    }

    /// Zeros up to a multiple of 4; none between lz4 frames, which would end there (see ``LZ4Legacy``).
    private mutating func align(for compression: ArchiveCompression) {
        if lz4Length != nil {
            if compression == .lz4 { return }
            bytes += [0, 0, 0, 0]
        }
        while bytes.count % 4 != 0 { bytes.append(0) }
    }
}
