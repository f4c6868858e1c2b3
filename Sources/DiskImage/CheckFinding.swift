/// Something that a check found wrong with an image.
public struct CheckFinding: Sendable, Equatable {
    /// What it means for the image.
    public enum Kind: String, Sendable {
        /// Data may be wrong, or become wrong with further writes.
        case corruption
        /// Storage is lost, but no data.
        case leak
    }

    /// What it means for the image.
    public let kind: Kind
    /// What is wrong, without the file's name.
    public let message: String
    /// The file concerned.
    public let path: String
    /// Where in the file, in bytes.
    public let offset: UInt64?
}

extension CheckFinding: CustomStringConvertible {
    /// One line, as `qemu-img check` begins it: `ERROR` or `Leaked`, what, where.
    public var description: String {
        (kind == .leak ? "Leaked " : "ERROR ") + message + (offset.map { " (at byte \($0))" } ?? "")
    }
}
