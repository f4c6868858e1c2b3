import DiskImage

/// What the log of a file that was not closed has to say: which entries count, and what they change.
struct LogReplay {
    /// In the order in which they are made: where two overlap, the later one wins.
    let changes: [FileChange]
    /// Bytes that the file must have afterwards.
    let fileSize: UInt64

    /// Most changes that are kept in memory. A log of 1 MiB can't have more than 32768.
    private static let maximumChanges = 1 << 18

    /// - Throws: `inputDamaged` if there is no complete sequence of entries, or the file is shorter than it was.
    init(_ ring: LogRing) throws(ImageError) {
        let entries = try Self.validEntries(ring)
        let active = try Self.activeSequence(entries, ring)
        guard let head = active.last else { preconditionFailure("a sequence has an entry") }
        guard head.flushedFileSize <= ring.file.size else {
            throw ring.file.damaged(
                "the file is cut short: it had \(head.flushedFileSize) bytes and has \(ring.file.size)",
                at: ring.hostOffset(of: head.position), advice: "copy it again")
        }
        guard active.reduce(0, { $0 + $1.descriptorCount }) <= Self.maximumChanges else {
            throw ring.file.unsupported(
                "the log has more than \(Self.maximumChanges) changes to replay", at: ring.hostOffset(of: head.position)
            )
        }
        var changes: [FileChange] = []
        for entry in active { changes += try entry.changes(ring) }
        self.changes = changes
        fileSize = changes.reduce(max(ring.file.size, head.neededFileSize)) { max($0, $1.range.upperBound) }
    }

    /// Every valid entry, by where in the log it starts. Entries can't overlap, so each sector is read but a few times.
    private static func validEntries(_ ring: LogRing) throws(ImageError) -> [UInt64: LogEntry] {
        var entries: [UInt64: LogEntry] = [:]
        var position: UInt64 = 0
        while position < ring.length {
            let entry = try LogEntry(ring, at: position)
            if let entry { entries[position] = entry }
            position += entry?.length ?? LogRing.sectorLength
        }
        return entries
    }

    /// The entries to replay: of the sequences of entries that follow each other in place and number, and that have the
    /// entry which the last of them calls the oldest, the newest; from that entry on.
    private static func activeSequence(
        _ entries: [UInt64: LogEntry], _ ring: LogRing
    ) throws(ImageError) -> [LogEntry] {
        func successor(of entry: LogEntry) -> LogEntry? {
            guard let next = entries[(entry.position + entry.length) % ring.length],
                next.sequence == entry.sequence &+ 1
            else { return nil }
            return next
        }
        let successors = Set(entries.values.compactMap { successor(of: $0)?.position })
        var active: [LogEntry] = []
        for first in entries.values where !successors.contains(first.position) {
            var sequence = [first]
            var last = first
            while let next = successor(of: last) {
                sequence.append(next)
                last = next
            }
            guard let tail = sequence.firstIndex(where: { $0.position == last.tail }),
                last.sequence > active.last?.sequence ?? 0
            else { continue }
            active = Array(sequence[tail...])
        }
        guard !active.isEmpty else {
            throw ring.file.damaged(
                "the VHDX was not closed, and its log has no complete sequence of entries", at: ring.hostOffset(of: 0),
                advice: "open and close it once with the program that wrote it")
        }
        return active
    }
}
