/// Whether the output shares the source's blocks. It can if it is raw or an uncompressed qcow2, new and on the same
/// filesystem, and if the source stores everything plain and in whole blocks of the filesystem.
public enum Reflink: String, Sendable, CaseIterable {
    /// If everything can be shared; else everything is copied.
    case automatic = "auto"
    /// Or the conversion fails, with code `outputFailed`.
    case always
    /// Everything is copied.
    case never
}
