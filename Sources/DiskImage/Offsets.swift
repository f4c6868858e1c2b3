/// A byte position on the virtual disk, as the guest sees it.
public struct GuestOffset: Hashable, Comparable, Sendable {
    /// Bytes from the start of the disk.
    public var bytes: UInt64

    /// The position `bytes` after the start of the disk.
    public init(_ bytes: UInt64) {
        self.bytes = bytes
    }

    /// Orders positions from the start of the disk.
    public static func < (left: Self, right: Self) -> Bool { left.bytes < right.bytes }

    package static func + (offset: Self, distance: UInt64) -> Self { Self(offset.bytes + distance) }

    /// The bytes from `right` up to `left`, which must not lie before it.
    package static func - (left: Self, right: Self) -> UInt64 { left.bytes - right.bytes }
}

/// A byte position in a file of the image (the "host" side, in QEMU's terms).
public struct HostOffset: Hashable, Comparable, Sendable {
    /// Bytes from the start of the file.
    public var bytes: UInt64

    /// The position `bytes` after the start of the file.
    public init(_ bytes: UInt64) {
        self.bytes = bytes
    }

    /// Orders positions from the start of the file.
    public static func < (left: Self, right: Self) -> Bool { left.bytes < right.bytes }

    package static func + (offset: Self, distance: UInt64) -> Self { Self(offset.bytes + distance) }

    /// The bytes from `right` up to `left`, which must not lie before it.
    package static func - (left: Self, right: Self) -> UInt64 { left.bytes - right.bytes }
}
