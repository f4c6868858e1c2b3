/// Collects the entries of a segment, as many as there is memory for.
final class EntryListing {
    private(set) var entries: [CPIOEntry] = []
    /// What was kept of the files' contents, by their paths.
    private(set) var contents: [String: [UInt8]] = [:]
    /// Of our own segment.
    private(set) var marker: SegmentMarker?
    /// Bytes that may still be taken.
    private(set) var left: Int

    init(limit: Int) {
        left = limit
    }

    func add(_ entry: CPIOEntry, _ content: [UInt8]?) throws(ArchiveProblem) {
        left -= entry.name.utf8.count + (entry.linkTarget?.utf8.count ?? 0) + InitramfsLimits.entryCost
        left -= content?.count ?? 0
        guard left >= 0 else { throw ArchiveProblem("it has more files than are listed") }
        entries.append(entry)
        guard let content else { return }
        // Not one that a guest's archive happens to have somewhere.
        if entries.count == 1 { marker = SegmentMarker(content: content) }
        contents[entry.path] = content
    }
}
