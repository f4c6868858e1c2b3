/// Collects the entries of a segment, as many as there is memory for.
final class EntryListing {
    private(set) var entries: [CPIOEntry] = []
    /// Of our own segment.
    private(set) var marker: SegmentMarker?
    /// Bytes that may still be taken.
    private(set) var left: Int

    init(limit: Int) {
        left = limit
    }

    func add(_ entry: CPIOEntry, _ content: [UInt8]?) throws(ArchiveProblem) {
        left -= entry.name.utf8.count + (entry.linkTarget?.utf8.count ?? 0) + InitramfsLimits.entryCost
        guard left >= 0 else { throw ArchiveProblem("it has more files than are listed") }
        entries.append(entry)
        // Not one that a guest's archive happens to have somewhere.
        if entries.count == 1, let content { marker = SegmentMarker(content: content) }
    }
}
