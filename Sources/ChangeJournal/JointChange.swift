import ByteLayout
package import DiskImage
import Glibc
import SystemPackage

/// Changes of one image or several that happen together: of all, or, whatever interrupts that, of none.
///
/// 1. Each image gets what it does not know of before its last step (``ImageCommitter/prepare(_:in:)``): new clusters and
///    tables of a qcow2 image, the room for what changes in a raw one.
/// 2. A journal beside the first image gets its head, which names all images; then there is a link to it beside each of the
///    others; then it gets the last step of each image. The moment in which it is complete decides: before, nothing has
///    happened, and the journal is discarded when it is found; from then on all of it has, and whoever finds the journal by any
///    of the images does what is left.
/// 3. What the journal says is written into the images.
/// 4. The journal is cut to its head, links and journal are removed, and what only the old images needed is given back.
///
/// Each part is on the devices before the next one begins. So this program sees all images change at one moment. Others, which
/// know no journals, may see some of the images changed after an interruption of 3, which is as short as its writes: a header
/// of each qcow2 image, all the content of raw ones. Then ``InterruptedChange`` says whether they have written to them.
///
/// A single image whose last step is one write needs no journal.
package struct JointChange {
    /// An image that changes.
    package struct Part {
        let file: EditableFile
        let change: any PreparedChange

        package init(file: EditableFile, change: any PreparedChange) {
            self.file = file
            self.change = change
        }
    }

    private let parts: [Part]

    package init(_ parts: [Part]) {
        self.parts = parts
    }

    /// Throws unless a journal of `file` would be found by whoever has the file.
    package static func requireFindable(_ file: EditableFile) throws(ImageError) {
        guard let status = try? stat(of: file.descriptor), status.isRegularFile, status.st_nlink > 1 else { return }
        throw ImageError(
            .outputFailed,
            "the image has \(status.st_nlink) names (hard links), by the others of which an interrupted change would not be noticed",
            advice: "convert it with --fixup instead, or leave it one name", path: file.path)
    }

    /// Makes the changes.
    package func commit() throws(ImageError) {
        if parts.count == 1, parts[0].change.isAtomic {
            try parts[0].change.makeLastStep(parts[0].file)
        } else if !parts.isEmpty {
            try commitWithJournal()
        }
        for part in parts { try part.change.finish() }
    }

    private func commitWithJournal() throws(ImageError) {
        let path = try writeJournal()
        guard case .journal(let journal) = try JournalReader.find(for: parts[0].file.reader()),
            try journal.isComplete()
        else {
            throw ImageError(
                .outputFailed, "the journal of the changes is gone or damaged; nothing has been changed", path: path)
        }
        do throws(ImageError) {
            try journal.apply(to: parts.map(\.file))
        } catch {
            throw ImageError(
                error.code, "\(error.message); only a part of the changes is there",
                advice: "run v2v-convert fixup again, which completes them: they are in \(path)",
                path: error.path, offset: error.offset, errno: error.errno)
        }
        try journal.discard()
    }

    /// Writes the journal of the prepared changes.
    /// - Returns: its path.
    @discardableResult
    func writeJournal() throws(ImageError) -> String {
        for part in parts { try part.file.barrier() }
        let writer = try JournalWriter(parts.map(\.file))
        for (number, part) in parts.enumerated() {
            let image = try part.file.reader()
            for range in part.change.premises {
                for piece in Self.pieces(of: range, end: image.size) {
                    let bytes = try image.read(at: piece.lowerBound, count: piece.count, what: "image")
                    try writer.add(image: number, at: piece.lowerBound, old: bytes, new: nil)
                }
            }
            try part.change.forEachWrite { (offset, bytes) throws(ImageError) in
                let old = try image.read(at: offset, count: bytes.count, what: "image")
                try writer.add(image: number, at: offset, old: old, new: bytes)
            }
        }
        try writer.finish()
        return writer.path.string
    }

    /// `range`, made whole sectors, in pieces that fit into a record.
    private static func pieces(of range: Range<UInt64>, end: UInt64) -> [Range<UInt64>] {
        let sector = UInt64(ChangeJournal.sectorSize)
        let last = min(range.upperBound.alignedUp(to: sector), end)
        return stride(from: range.lowerBound / sector * sector, to: last, by: ChangeJournal.maximumLength).map {
            $0..<min($0 + UInt64(ChangeJournal.maximumLength), last)
        }
    }
}
