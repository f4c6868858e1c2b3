import DiskImage

/// A file over which an output lies: the output stores only what differs from it, and names it.
public struct BackingFile: Sendable, Equatable {
    /// The name as the output will have it: relative to the output's directory unless it is absolute.
    public var name: String
    /// The format; nil to recognise it by its content, unless it looks raw, which must be said.
    public var format: ImageFormat?

    /// The file called `name`.
    public init(name: String, format: ImageFormat? = nil) {
        self.name = name
        self.format = format
    }
}
