/// Whether all changes are where they belong, or some only in the log.
package enum LogState: Equatable, Sendable {
    /// The filesystem was unmounted: nothing is in the log only.
    case clean
    /// Was not unmounted, or the log can't be understood: what is on the disk may be older than what was last done, and not
    /// fit together. The reason, as the rest of a sentence that begins with "the log".
    case dirty(String)
    /// On a device of its own, so nobody knows.
    case external
}
