/// An archive of an initramfs file, or several that are compressed as one.
package struct InitramfsSegment: Sendable {
    /// Bytes from the beginning of the file.
    package var offset: Int
    /// Bytes in the file, without the zeros that follow.
    package var length: Int
    package var compression: ArchiveCompression
    /// Bytes when decompressed.
    package var inflatedLength: Int
    /// In order, without trailers; empty if the compression is one that isn't read.
    package var entries: [CPIOEntry]
    /// The contents that were to be kept, by paths.
    var contents: [String: [UInt8]] = [:]
    /// What marks it as ours; nil if it is another's.
    var marker: SegmentMarker?

    package var end: Int { offset + length }

    /// Whether it is ours.
    package var isOwn: Bool { marker != nil }

    /// Whether it only has what the kernel wants early, microcode or ACPI tables: that it finds where it is,
    /// uncompressed and in front (Documentation/arch/x86/microcode.rst).
    package var isEarly: Bool {
        compression == .none && entries.contains { $0.name.trimmingPrefix("./").hasPrefix("kernel/") }
    }
}
