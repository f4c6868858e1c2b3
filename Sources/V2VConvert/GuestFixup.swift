import Conversion
import DiskImage
import GuestFixups

/// Makes the guest in disk images boot on KVM with virtio, in place: what a conversion does with `Converter.fixup`, for images
/// that are there already, qcow2 or raw.
///
/// All images are changed, or, whatever interrupts that, none: what is left to be done after an interruption is in a journal
/// beside them, which the next run completes.
public struct GuestFixup: Sendable {
    /// The machine's disks, in its order.
    public var sources: [DiskImageSource]
    /// How the guest is fixed.
    public var options = FixupOptions()

    /// The guest in `sources`.
    public init(_ sources: [DiskImageSource]) {
        self.sources = sources
    }

    /// Changes the images. What could not be done is told by the result.
    /// - Throws: `ImageError`: about an image that can't be opened, or not be changed in place; about the options; `outputFailed`
    ///   if a change of a filesystem has failed in the middle: then no image is changed.
    public func run() async throws -> FixupResult {
        try await Job.run(progress: nil) { (_) throws(ImageError) in try runBlocking() }
    }

    private func runBlocking() throws(ImageError) -> FixupResult {
        let fixup = try options.makeFixup()
        var images: [ImageCommit] = []
        var maps: [any DiskMap] = []
        for source in sources {
            let image = try ImageCommit(source)
            images.append(image)
            maps.append(try image.makeMap())
        }
        let session = try GuestSession(maps)
        var result = try session.run(fixup)
        // A journal that was replayed to look at files is no reason to write.
        guard !result.changes.isEmpty else { return result }
        let changed = images.indices.filter { session.isChanged($0) }
        let changes = try changed.map { (number) throws(ImageError) in (images[number], try session.layer(number)) }
        for (number, report) in zip(changed, try ImageCommit.commit(changes)) {
            for bitmap in report.droppedBitmaps { result.tellDroppedBitmap(bitmap, of: sources[number].path) }
        }
        return result
    }
}
