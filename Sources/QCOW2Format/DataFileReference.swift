/// What an image says of its external data file.
package struct DataFileReference: Sendable, Equatable {
    /// The file's name.
    package var name: String
    /// Whether the file is promised to be the guest's disk, readable without the image.
    package var isRaw: Bool

    package init(name: String, isRaw: Bool) {
        self.name = name
        self.isRaw = isRaw
    }
}
