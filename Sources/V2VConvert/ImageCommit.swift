import ChangeJournal
import Conversion
package import DiskImage

/// Changes the content of a disk in its image, in place: all of it, or, whatever interrupts that, none.
///
/// ```
/// let commit = try ImageCommit(DiskImageSource(path: "disk.qcow2"))
/// let disk = try commit.makeMap()          // what is on it now; changes to it are collected elsewhere
/// try commit.commit(overlay.layer())
/// ```
/// The image is locked from the first line on, so that nobody else changes what the changes build upon. A qcow2 image
/// gets new clusters, to which one write of its header switches over; an interruption leaves at worst storage that nothing
/// uses (`v2v-convert check -r leaks` gives it back). A raw image, or several images of a machine, have a journal beside them while
/// they are changed: if it is left behind by an interruption, making an `ImageCommit` of one of them completes the change, as
/// `v2v-convert fixup` does.
/// Other formats, encrypted images and those with an external data file are refused.
package final class ImageCommit {
    private let path: String
    private let file: EditableFile
    private let reader: any ImageCommitter

    /// Whether an interrupted change of the image had to be completed.
    package let hasRecovered: Bool

    /// Locks the image, and completes an interrupted change of it.
    /// - Throws: `outputInUse` if another process has it open, `inputUnsupported` if it can't be changed in place,
    ///   `inputDamaged` if it must be repaired first, `outputFailed`.
    package init(_ image: DiskImageSource) throws(ImageError) {
        guard !image.ignoresLocks else {
            throw ImageError(.invalidOption, "an image that may be in use can't be changed", path: image.path)
        }
        path = image.path
        let opener = try image.makeEditingOpener()
        file = try EditableFile(path: image.path)
        hasRecovered = try InterruptedChange.recover(file)
        let reader = try ImageProbe.open(file.reader(), format: image.format, opener: opener)
        guard let reader = reader as? any ImageCommitter else {
            throw ImageError(
                .inputUnsupported,
                "a disk in the format \(type(of: reader).format.rawValue) can't be changed in place",
                advice: "convert it with --fixup instead, or to qcow2 or raw first", path: image.path)
        }
        try reader.requireCommittable()
        self.reader = reader
    }

    /// What is known of the image.
    package var info: ImageInfo { reader.info }

    /// The disk as it is.
    package func makeMap() throws(ImageError) -> sending any DiskMap { try reader.makeMap() }

    /// Writes the changes that `layer` has of the disk; what it does not have (`.unallocated`) stays. Once: from then on this
    /// does not know the image any more.
    package func commit(_ layer: any DiskMap) throws(ImageError) -> CommitReport {
        try Self.commit([(self, layer)])[0]
    }

    /// Writes the changes of several images: of all, or, whatever interrupts that, of none. See ``JointChange``.
    /// - Returns: what became of each.
    package static func commit(
        _ changes: [(image: ImageCommit, layer: any DiskMap)]
    ) throws(ImageError) -> [CommitReport] {
        let (change, reports) = try prepare(changes)
        try change.commit()
        return reports
    }

    /// Does all that the changes need but the last step.
    static func prepare(
        _ changes: [(image: ImageCommit, layer: any DiskMap)]
    ) throws(ImageError) -> (change: JointChange, reports: [CommitReport]) {
        for (image, _) in changes where changes.count > 1 || !type(of: image.reader).changesAtOnce {
            try JointChange.requireFindable(image.file)
        }
        let prepared = try changes.map { (change) throws(ImageError) in try change.image.prepare(change.layer) }
        let parts = zip(changes, prepared).compactMap { change, prepared in
            prepared.map { JointChange.Part(file: change.image.file, change: $0) }
        }
        return (JointChange(parts), prepared.map { $0?.report ?? CommitReport() })
    }

    private func prepare(_ layer: any DiskMap) throws(ImageError) -> (any PreparedChange)? {
        precondition(layer.virtualSize == reader.info.virtualSize, "the changes are those of another disk")
        let disk = LayeredMap(layer, over: try reader.makeMap())
        let content = try ContentReader(files: disk.files)
        let changes = DiskChanges(layer: layer) { (range) throws(ImageError) in
            try content.bytes(range, of: disk)
        }
        return try reader.prepare(changes, in: file)
    }
}
