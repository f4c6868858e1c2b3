import ByteLayout
package import DiskImage
import Glibc
import SystemPackage

/// Changes a raw image in place. It has no tables to switch over, so all changes are in a ``RawJournal`` before the first of
/// them is made: whoever is interrupted before that has changed nothing, and after that ``recover(_:)`` does the rest.
package struct RawCommit {
    private let file: EditableFile
    private let image: ImageFile
    private let journal: FilePath

    /// - Parameter file: the image, in the state that the changes start from.
    package init(_ file: EditableFile) throws(ImageError) {
        self.file = file
        image = try file.reader()
        journal = RawJournal.path(for: file.path, isBlockDevice: image.isBlockDevice)
    }

    /// Completes what a commit to the image had begun when it was interrupted; does nothing if there was none, or it had
    /// written nothing yet.
    /// - Returns: whether there was something to complete.
    /// - Throws: `outputFailed` if somebody else has written to the image since, or made the journal.
    @discardableResult
    package static func recover(_ file: EditableFile) throws(ImageError) -> Bool {
        let commit = try RawCommit(file)
        guard let journal = try commit.openJournal() else { return false }
        try commit.requireUntouched(journal)
        try commit.complete(journal)
        return true
    }

    /// Writes `changes`.
    /// - Returns: bytes that were written.
    package func commit(_ changes: DiskChanges) throws(ImageError) -> UInt64 {
        let written = try writeJournal(changes)
        guard written > 0 else { return 0 }
        guard let journal = try openJournal() else {
            throw ImageError(
                .outputFailed, "the journal of the changes is gone or damaged; nothing has been changed",
                path: self.journal.string)
        }
        do throws(ImageError) {
            try complete(journal)
        } catch {
            throw ImageError(
                error.code, "\(error.message); only a part of the changes is in the image",
                advice: "run v2v-convert fixup on it again, which completes them: they are in \(self.journal)",
                path: error.path, offset: error.offset, errno: error.errno)
        }
        return written
    }

    /// Puts `changes` into a journal, as a commit does first of all.
    /// - Returns: bytes of the image that they change; without any there is no journal.
    func writeJournal(_ changes: DiskChanges) throws(ImageError) -> UInt64 {
        let records = try ranges(of: changes)
        guard !records.isEmpty else { return 0 }
        let writer = try RawJournalWriter(path: journal, imageSize: image.size, records: records.count)
        for range in records {
            try writer.add(
                at: range.lowerBound, old: try image.read(at: range.lowerBound, count: range.count, what: "image"),
                new: try changes.read(range))
        }
        try writer.finish()
        return records.reduce(0) { $0 + UInt64($1.count) }
    }

    /// The parts of the image that change, whole sectors, in pieces that fit into a record.
    private func ranges(of changes: DiskChanges) throws(ImageError) -> [Range<UInt64>] {
        let sector = UInt64(RawJournal.sectorSize)
        var ranges: [Range<UInt64>] = []
        for run in try changes.units(of: sector) {
            let end = min(run.upperBound * sector, image.size)
            for start in stride(from: run.lowerBound * sector, to: end, by: RawJournal.maximumLength) {
                ranges.append(start..<min(start + UInt64(RawJournal.maximumLength), end))
            }
        }
        return ranges
    }

    private func openJournal() throws(ImageError) -> RawJournalReader? {
        var status = stat()
        let isKnown = unsafe fstat(file.descriptor.rawValue, &status) == 0
        // Whoever owns the node of a device need not be who may write to it.
        return try RawJournalReader(path: journal, owner: isKnown && !image.isBlockDevice ? status.st_uid : nil)
    }

    /// Throws unless each sector has what it had before the changes, or what it will have.
    private func requireUntouched(_ journal: RawJournalReader) throws(ImageError) {
        guard journal.imageSize == image.size else { throw touched(at: nil) }
        try journal.forEachRecord { (record) throws(ImageError) in
            let present = try image.read(at: record.offset, count: record.content.count, what: "image")
            let now = RawJournal.checksums(of: present)
            for (index, before) in record.before.enumerated() where now[index] != before {
                let start = index * RawJournal.sectorSize
                let end = min(start + RawJournal.sectorSize, present.count)
                guard present[start..<end] == record.content[start..<end] else {
                    throw touched(at: record.offset + UInt64(start))
                }
            }
        }
    }

    private func touched(at offset: UInt64?) -> ImageError {
        ImageError(
            .outputFailed, "a change of the image was interrupted, and somebody has written to the image since",
            advice: "restore it from a copy; or take it as it is, and remove \(journal)", path: file.path,
            offset: offset)
    }

    /// Writes what is in `journal`, as often as that takes.
    private func complete(_ journal: RawJournalReader) throws(ImageError) {
        try journal.forEachRecord { (record) throws(ImageError) in
            try file.write(record.content, at: HostOffset(record.offset))
        }
        try file.barrier()
        try journal.remove()
    }
}
