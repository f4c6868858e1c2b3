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
    /// The content before and after; nil where there is no file.
    package var before: [UInt8]?
    package var after: [UInt8]?
}
