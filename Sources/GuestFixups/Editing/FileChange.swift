/// What is done to one file of the guest.
package struct FileChange: Equatable, Sendable {
    package enum Kind: String, Sendable {
        case created, changed, removed
    }

    package var kind: Kind
    /// As the guest sees it, without symbolic links.
    package var path: String
    /// Why, as a sentence.
    package var reason: String
    /// Bytes before; nil if it is new.
    package var sizeBefore: Int?
    /// Bytes after; nil if it is removed.
    package var sizeAfter: Int?
    /// As `diff -u` shows it, without names; nil if it is no text.
    package var diff: String?

    /// - Parameters:
    ///   - before: the content before; nil where there was no file.
    ///   - after: the content after; nil where there is no file.
    init(_ kind: Kind, _ path: String, reason: String, before: [UInt8]?, after: [UInt8]?) {
        self.kind = kind
        self.path = path
        self.reason = reason
        sizeBefore = before?.count
        sizeAfter = after?.count
        diff = UnifiedDiff.of(before ?? [], after ?? [])
    }
}
