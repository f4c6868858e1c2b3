package import GuestDisk

/// An initramfs file: archives one behind the other, each compressed on its own or not at all, with zeros between.
///
/// ```
/// | cpio: kernel/x86/microcode/… | zeros | compressed cpio: the guest's own | zeros | compressed cpio: ours | zeros |
/// ```
///
/// It is read by the rules of the kernel (init/initramfs.c): what a later archive has is added to what earlier ones
/// have, or replaces it.
package struct InitramfsImage: Sendable {
    /// The file.
    package let bytes: [UInt8]
    /// In order.
    package let segments: [InitramfsSegment]
    /// Why the kernel, or we, can't read on behind the last segment; nil if the whole file is read. Nothing is added to
    /// such a file.
    package let problem: GuestError?
    /// What the archives but our own make together.
    package let layout: InitramfsLayout
    /// The contents that were to be kept, by paths, as the archives but our own make them together.
    package let contents: [String: [UInt8]]

    /// Finds the archives and lists what is in them; no more of them is kept than that.
    /// - Parameters:
    ///   - limits: of what is listed and kept; archives beyond it are a ``problem``.
    ///   - keeping: whether the content of the file at `path` is kept; large ones (64 KiB) never are.
    package init(
        _ bytes: [UInt8], limits: InitramfsLimits = InitramfsLimits(),
        keeping: @escaping (_ path: String) -> Bool = { _ in false }
    ) {
        var scanner = InitramfsScanner(bytes, limits: limits, keeping: keeping)
        scanner.run()
        self.bytes = bytes
        segments = scanner.segments
        problem = scanner.problem
        var layout = InitramfsLayout()
        var contents: [String: [UInt8]] = [:]
        for segment in segments where !segment.isOwn {
            for entry in segment.entries { layout.add(entry) }
            contents.merge(segment.contents) { $1 }
        }
        self.layout = layout
        self.contents = contents
    }

    /// The compressions that the guest's kernel can read.
    /// - Parameter configuration: the text of its `/boot/config-KVER`. Without it only those are known that the file
    ///   proves.
    package func knownCompressions(configuration: String?) -> Set<ArchiveCompression> {
        if let configuration { return ArchiveCompression.allowed(byConfiguration: configuration) }
        return Set(segments.filter { !$0.isOwn }.map(\.compression)).union([.none])
    }
}
