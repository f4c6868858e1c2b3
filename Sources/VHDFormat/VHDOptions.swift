/// The form of a VHD to write.
public struct VHDOptions: Sendable, Equatable {
    /// How the disk is stored.
    public enum Subformat: String, Sendable, CaseIterable {
        /// Blocks of 2 MiB, of which those that are zero are left out.
        case dynamic
        /// The bytes of the disk and a footer: what Azure takes, if the disk's size is whole MiB.
        case fixed
    }

    /// How the disk is stored.
    public var subformat = Subformat.dynamic
    /// Whether the disk keeps its size (`force_size`). If not, it grows to whole cylinders, which Virtual PC counts; up to
    /// 127 GiB, where they end. `qemu-img` does that unless it is told otherwise.
    public var keepsSize = true

    /// A dynamic disk of the same size.
    public init() {}
}
