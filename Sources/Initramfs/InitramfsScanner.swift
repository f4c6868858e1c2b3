import GuestDisk

/// Goes through an initramfs file as the kernel does.
struct InitramfsScanner {
    private let bytes: [UInt8]
    private var left: InitramfsLimits
    private let keeps: (_ path: String) -> Bool
    private(set) var segments: [InitramfsSegment] = []
    private(set) var problem: GuestError?

    init(_ bytes: [UInt8], limits: InitramfsLimits, keeping: @escaping (_ path: String) -> Bool) {
        self.bytes = bytes
        left = limits
        keeps = keeping
    }

    mutating func run() {
        var offset = 0
        while problem == nil {
            offset += bytes[offset...].prefix { $0 == 0 }.count
            guard offset < bytes.count else { return }
            do throws(ArchiveProblem) {
                let segment = try self.segment(at: offset)
                segments.append(segment)
                offset = segment.end
                if !segment.compression.isDecoded {
                    problem = GuestError(
                        .unsupported,
                        "the archive at byte \(segment.offset) of the initramfs is compressed by "
                            + "\(segment.compression), which is not read")
                }
            } catch {
                problem = GuestError(.damaged, "the archive at byte \(offset) of the initramfs: \(error.message)")
            }
        }
    }

    private mutating func segment(at offset: Int) throws(ArchiveProblem) -> InitramfsSegment {
        let input = bytes[offset...]
        guard let compression = ArchiveCompression(firstBytes: input) else {
            throw ArchiveProblem("it is neither compressed nor cpio")
        }
        var segment = InitramfsSegment(
            offset: offset, length: input.count, compression: compression, inflatedLength: 0, entries: [])
        left.segments -= 1
        guard left.segments >= 0 else { throw ArchiveProblem("the file has more archives than are read") }
        guard compression.isDecoded else { return segment }
        guard compression != .none || offset % 4 == 0 else {
            throw ArchiveProblem("it does not begin at a multiple of 4")
        }
        let listing = EntryListing(limit: left.listing)
        let position = positionInStream(at: offset, compression)
        var parser = CPIOParser(
            position: position, stopsAtTrailer: compression == .none,
            keepsContent: { [keeps] in $0.name == SegmentMarker.name || keeps($0.path) }, onEntry: listing.add)
        if compression == .none {
            try count(try parser.read(input))
            segment.length = min(parser.end, input.count)
            segment.inflatedLength = segment.length
        } else {
            segment.length = try compression.decode(input) { (piece) throws(ArchiveProblem) in
                try count(piece.count)
                segment.inflatedLength += piece.count
                guard try parser.read(piece) == piece.count else {
                    throw ArchiveProblem("something else follows a member")
                }
            }
        }
        guard parser.isAtRest else { throw ArchiveProblem("it ends in the middle of a member") }
        left.listing = listing.left
        segment.entries = listing.entries
        segment.contents = listing.contents
        segment.marker = listing.marker
        return segment
    }

    /// How much of the stream that the archive at `offset` belongs to lies before it: lz4 frames without zeros between
    /// are one.
    private func positionInStream(at offset: Int, _ compression: ArchiveCompression) -> Int {
        guard compression == .lz4 else { return 0 }
        var position = 0
        var start = offset
        for segment in segments.reversed() {
            guard segment.compression == .lz4, segment.end == start else { break }
            position += segment.inflatedLength
            start = segment.offset
        }
        return position
    }

    private mutating func count(_ inflated: Int) throws(ArchiveProblem) {
        left.inflated -= inflated
        guard left.inflated >= 0 else { throw ArchiveProblem("it inflates to more than is read") }
    }
}
