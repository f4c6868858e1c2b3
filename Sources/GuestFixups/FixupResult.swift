/// What a fixup has done to a guest, or would do. As JSON it is documented in docs/guests.md.
public struct FixupResult: Sendable, Encodable {
    /// What is done to one file.
    public struct Change: Sendable, Encodable {
        /// As the guest sees it.
        public var path: String
        /// `created`, `changed` or `removed`.
        public var kind: String
        /// Why.
        public var reason: String
        /// Bytes before; nil if it is new.
        public var sizeBefore: Int?
        /// Bytes after; nil if it is removed.
        public var sizeAfter: Int?
        /// As `diff -u` shows it, without names; nil if it is no text.
        public var diff: String?

        private enum CodingKeys: String, CodingKey {
            case path, kind, reason, diff
            case sizeBefore = "size-before"
            case sizeAfter = "size-after"
        }
    }

    /// Something worth telling besides.
    public struct Note: Sendable, Encodable {
        /// Stable.
        public var code: String
        /// A sentence.
        public var message: String
        /// Whether something that was to be done was not.
        public var problem: Bool
    }

    /// What the system calls itself; nil if none was found.
    public var system: String?
    /// In the order in which they are made.
    public var changes: [Change]
    /// In the order in which they were found.
    public var notes: [Note]
    /// Whether everything that was to be done could be done.
    public var complete: Bool
    /// Bytes of the disk that differ, in blocks of 4096.
    public var changedBytes: UInt64

    private enum CodingKeys: String, CodingKey {
        case system, changes, notes, complete
        case changedBytes = "changed-bytes"
    }

    package init(_ report: FixupReport, changedBytes: UInt64) {
        system = report.guest.map { $0.release?.name ?? "Linux" }
        changes = report.changes.map(Change.init)
        notes = report.notes.map { Note(code: $0.code.rawValue, message: $0.message, problem: $0.isProblem) }
        complete = report.isComplete
        self.changedBytes = changedBytes
    }
}

extension FixupResult {
    /// Nothing is changed, because something has failed in the middle.
    package init(failure message: String) {
        self.init(FixupReport(failure: message), changedBytes: 0)
    }

    /// A persistent bitmap of a changed image is gone, for it would not know of the changes.
    package mutating func tellDroppedBitmap(_ name: String, of image: String) {
        let message =
            "\(image): the bitmap \(name) is gone, for it doesn't know of the changes; the next backup must be a full one"
        notes.append(Note(code: FixupNote.Code.advice.rawValue, message: message, problem: false))
    }
}

extension FixupResult.Change {
    init(_ change: FileChange) {
        path = change.path
        kind = change.kind.rawValue
        reason = change.reason
        sizeBefore = change.sizeBefore
        sizeAfter = change.sizeAfter
        diff = change.diff
    }
}
