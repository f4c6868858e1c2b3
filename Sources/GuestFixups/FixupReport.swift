/// What a fixup has done, or would do.
package struct FixupReport {
    /// The system that was found; nil if there was none.
    package var guest: LinuxGuest?
    /// In the order in which they were made. A file may have several.
    package var changes: [FileChange]
    package var notes: [FixupNote]
    /// What the changes have mended.
    package var mended: [Obstacle]

    package init(guest: LinuxGuest?, changes: [FileChange], notes: [FixupNote], mended: [Obstacle] = []) {
        self.guest = guest
        self.changes = changes
        self.notes = notes
        self.mended = mended
    }

    /// Nothing was changed, because something has failed in the middle.
    package init(failure message: String) {
        self.init(guest: nil, changes: [], notes: [FixupNote(.failed, message, isProblem: true)])
    }

    /// Whether everything that was to be done has been done.
    package var isComplete: Bool { !notes.contains(where: \.isProblem) }
}
