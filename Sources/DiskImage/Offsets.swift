/// A byte position on the virtual disk, as the guest sees it.
package struct GuestOffset: Hashable, Comparable, Sendable {
    /// Bytes from the start of the disk.
    package var bytes: UInt64

    /// The position `bytes` after the start of the disk.
    package init(_ bytes: UInt64) {
        self.bytes = bytes
    }

    /// Orders positions from the start of the disk.
    package static func < (left: Self, right: Self) -> Bool { left.bytes < right.bytes }

    package static func + (offset: Self, distance: UInt64) -> Self { Self(offset.bytes + distance) }

    /// The bytes from `right` up to `left`, which must not lie before it.
    package static func - (left: Self, right: Self) -> UInt64 { left.bytes - right.bytes }
}

/// A byte position in a file of the image (the "host" side, in QEMU's terms).
package struct HostOffset: Hashable, Comparable, Sendable {
    /// Bytes from the start of the file.
    package var bytes: UInt64

    /// The position `bytes` after the start of the file.
    package init(_ bytes: UInt64) {
        self.bytes = bytes
    }

    /// Orders positions from the start of the file.
    package static func < (left: Self, right: Self) -> Bool { left.bytes < right.bytes }

    package static func + (offset: Self, distance: UInt64) -> Self { Self(offset.bytes + distance) }

    /// The bytes from `right` up to `left`, which must not lie before it.
    package static func - (left: Self, right: Self) -> UInt64 { left.bytes - right.bytes }
}
