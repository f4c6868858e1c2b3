/// What an image says of its backing file.
package struct BackingReference: Sendable, Equatable {
    /// The file's name, relative to the image's directory unless it is absolute.
    package var name: String
    /// The name of its format.
    package var format: String

    /// The most bytes that a name may have.
    static let maximumNameLength = 1023

    package init(name: String, format: String) {
        self.name = name
        self.format = format
    }
}
