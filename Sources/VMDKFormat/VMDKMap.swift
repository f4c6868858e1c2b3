import ByteLayout
import DiskImage

/// The concatenation of a disk's extents.
final class VMDKMap: DiskMap {
    let virtualSize: UInt64
    let files: [ImageFile]
    /// Sorted by start.
    private let pieces: [(start: UInt64, length: UInt64, content: Content)]

    private enum Content {
        case zero
        case flat(file: Int, offset: UInt64, allocated: AllocatedRanges)
        case sparse(SparseExtent)
        case seSparse(SESparseExtent)
        case missing(ImageError)
    }

    /// - Parameters:
    ///   - findings: is told what is damaged though it can be read.
    ///   - tolerant: damaged tables are errors only when they are needed.
    init(
        extents: [VMDKReader.OpenedExtent], files: [ImageFile], findings: Findings, tolerant: Bool
    ) throws(ImageError) {
        var pieces: [(start: UInt64, length: UInt64, content: Content)] = []
        var start: UInt64 = 0
        for extent in extents where extent.length > 0 {
            let content: Content
            switch extent.storage {
            case .zero:
                content = .zero
            case .flat(let number, let offset):
                content = .flat(file: number, offset: offset, allocated: AllocatedRanges(file: files[number]))
            case .sparse(let number, let header):
                content = .sparse(
                    try SparseExtent(
                        file: files[number], fileIndex: number, layout: header.layout, length: extent.length,
                        findings: findings, tolerant: tolerant))
            case .cowd(let number, let header):
                content = .sparse(
                    try SparseExtent(
                        file: files[number], fileIndex: number, layout: header.layout, length: extent.length,
                        findings: findings, tolerant: tolerant))
            case .seSparse(let number, let header):
                content = .seSparse(
                    try SESparseExtent(
                        file: files[number], fileIndex: number, header: header, length: extent.length))
            case .missing(let error):
                content = .missing(error)
            }
            pieces.append((start, extent.length, content))
            start += extent.length
        }
        self.pieces = pieces
        self.files = files
        virtualSize = start
    }

    func extent(at offset: GuestOffset, limit: UInt64) throws(ImageError) -> Extent {
        let piece = pieces[index(of: offset.bytes)]
        let within = offset.bytes - piece.start
        // A request never crosses the end of an extent, which need not be a multiple of a grain.
        let limit = min(limit, piece.length - within)
        switch piece.content {
        case .zero:
            return Extent(length: limit, content: .zero)
        case .flat(let file, let start, let allocated):
            guard start + within < files[file].size else {
                throw files[file].damaged("the extent is cut short", at: files[file].size)
            }
            return allocated.extent(at: FilePlace(file: file, offset: HostOffset(start + within)), limit: limit)
        case .sparse(let sparse):
            return try sparse.extent(at: within, limit: limit)
        case .seSparse(let sparse):
            return try sparse.extent(at: within, limit: limit)
        case .missing(let error):
            throw error
        }
    }

    func unmappableLength(at offset: GuestOffset, limit: UInt64) -> UInt64 {
        let piece = pieces[index(of: offset.bytes)]
        let within = offset.bytes - piece.start
        let limit = min(limit, piece.length - within)
        return switch piece.content {
        case .zero, .flat, .missing: limit
        case .sparse(let sparse): min(limit, sparse.unmappableLength(at: within))
        case .seSparse(let sparse): min(limit, sparse.unmappableLength(at: within))
        }
    }

    /// The last piece that starts at or before `offset`.
    private func index(of offset: UInt64) -> Int {
        pieces.partitioningIndex { $0.start > offset } - 1
    }
}
