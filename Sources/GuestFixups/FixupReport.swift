/// What a fixup has done, or would do.
package struct FixupReport {
    /// The system that was found; nil if there was none.
    package var guest: LinuxGuest?
    /// In the order in which they were made. A file may have several.
    package var changes: [FileChange]
    package var notes: [FixupNote]

    /// Whether everything that was to be done has been done.
    package var isComplete: Bool { !notes.contains(where: \.isProblem) }
}
