import ByteLayout
import DiskImage
import Synchronization

/// Makes the output share the source's blocks instead of copying them, on filesystems that can: XFS and btrfs.
///
/// It goes by the map alone. Nothing is read, so zeros that the source stores are stored in the output too.
struct Cloner {
    /// What blocks that are shared must be aligned to in both files, in bytes: a block of XFS and btrfs, unless they were
    /// made with larger ones; those refuse the first attempt.
    private static let alignment: UInt64 = 4096
    /// The most that is shared in one step, in bytes, between two looks at whether the job was cancelled.
    private static let step: UInt64 = 1 << 30
    /// What is copied at a time where a part can't be shared.
    private static let copyLength: UInt64 = 1 << 20

    /// Bytes of a source's file that go to one place.
    private struct Run {
        var source: ImageFile
        var sourceOffset: UInt64
        var target: OutputFile
        var targetOffset: UInt64
        var length: UInt64

        func isContinued(by next: Run) -> Bool {
            source === next.source && target === next.target && sourceOffset + length == next.sourceOffset
                && targetOffset + length == next.targetOffset
        }
    }

    private let planner: Planner
    private let encoder: ChunkEncoder
    private let files: [ImageFile]
    private let output: Output
    private let job: Job
    /// What the next run may continue.
    private var pending: Run?

    init(_ source: sending CopySource, layout: WriterLayout, output: Output, minimumZeroRun: Int, job: Job) {
        files = source.map.files
        planner = Planner(source, includesHoles: false)
        encoder = ChunkEncoder(layout: layout, minimumZeroRun: minimumZeroRun)
        self.output = output
        self.job = job
    }

    /// Whether everything that `source` stores can be shared with `output`: it must be stored as it is, in whole blocks,
    /// by one filesystem. Tries it with a block of each file.
    static func serves(
        _ source: CopySource, layout: WriterLayout, output: Output, job: Job
    ) throws(ImageError) -> Bool {
        // A writer that wants checksums wants the content to be read.
        guard layout.encoding == nil, !layout.hasChecksums, UInt64(layout.unitSize) % alignment == 0,
            source.backing == nil, output.isNew
        else { return false }
        let map = source.map
        var tried: Set<Int> = []
        var position: UInt64 = 0
        while position < map.virtualSize {
            try job.check()
            let extent = try map.extent(at: GuestOffset(position), limit: map.virtualSize - position)
            let end = position + extent.length
            switch extent.content {
            case .zero: break
            case .compressed, .unallocated: return false
            case .data(let number, let offset):
                let file = map.files[number]
                guard file.cipher == nil, (position | (file.base + offset.bytes)) % alignment == 0,
                    extent.length % alignment == 0 || end == map.virtualSize
                else { return false }
                if tried.insert(number).inserted {
                    let canShare = output.localFiles.allSatisfy {
                        $0.canShare(file, at: offset.bytes, length: alignment)
                    }
                    guard canShare else { return false }
                }
            }
            position = end
        }
        return !tried.isEmpty
    }

    /// Places everything and writes the writer's tables.
    /// - Returns: the bytes of the finished files, by number.
    mutating func run(_ writer: any ImageWriter) throws(ImageError) -> [UInt64] {
        while let chunk = try planner.next() {
            let encoded = encoder.bound(chunk)
            let placement = try writer.place(encoded, output: output)
            try share(chunk, encoded, placement)
            let stored = encoded.units.count { $0.isStored } * encoder.layout.unitSize
            job.storedBytes.add(UInt64(stored), ordering: .relaxed)
            job.copiedBytes.add(chunk.copiedLength, ordering: .relaxed)
        }
        try finishPending()
        return try writer.finish(output: output)
    }

    /// Puts the data of `chunk` where its units have got their places.
    private mutating func share(
        _ chunk: Chunk, _ encoded: EncodedChunk, _ placement: Placement
    ) throws(ImageError) {
        let unit = encoder.layout.unitSize
        var position = 0
        for extent in chunk.extents {
            defer { position += Int(extent.length) }
            guard case .data(let number, let offset) = extent.content else { continue }
            // Units with data are stored, so an extent stays in one piece where they are packed.
            let start =
                encoder.layout.keepsOffsets
                ? position : encoded.units[..<(position / unit)].count { $0 == .plain } * unit + position % unit
            var pieceStart = 0
            for piece in placement.plain {
                let pieceEnd = pieceStart + Int(piece.length)
                let range = (start..<start + Int(extent.length)).clamped(to: pieceStart..<pieceEnd)
                if !range.isEmpty {
                    try add(
                        Run(
                            source: files[number], sourceOffset: offset.bytes + UInt64(range.lowerBound - start),
                            target: output.localFiles[piece.file],
                            targetOffset: piece.offset.bytes + UInt64(range.lowerBound - pieceStart),
                            length: UInt64(range.count)))
                }
                pieceStart = pieceEnd
            }
        }
    }

    private mutating func add(_ run: Run) throws(ImageError) {
        if let known = pending, known.isContinued(by: run), known.length < Self.step {
            pending?.length += run.length
        } else {
            try finishPending()
            pending = run
        }
    }

    private mutating func finishPending() throws(ImageError) {
        guard var run = pending else { return }
        pending = nil
        while run.length > 0 {
            try job.check()
            let shared = min(Self.step, run.length.alignedDown(to: Self.alignment))
            let isShared =
                shared > 0
                ? try run.target.share(
                    run.source, at: run.sourceOffset, length: shared, to: HostOffset(run.targetOffset)) : false
            let done = isShared ? shared : try copy(run)
            run.sourceOffset += done
            run.targetOffset += done
            run.length -= done
        }
    }

    /// Copies the start of `run`, which ends within a block or can't be shared for another reason.
    private func copy(_ run: Run) throws(ImageError) -> UInt64 {
        let count = min(run.length, Self.copyLength)
        let bytes = try run.source.read(at: run.sourceOffset, count: Int(count), what: "input")
        job.readBytes.add(count, ordering: .relaxed)
        try run.target.write(bytes, at: HostOffset(run.targetOffset))
        return count
    }
}
