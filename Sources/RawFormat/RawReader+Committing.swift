package import DiskImage

extension RawReader: ImageCommitter {
    package static var changesAtOnce: Bool { false }

    /// Everything that can be written to.
    package func requireCommittable() {}

    package func prepare(
        _ changes: DiskChanges, in file: EditableFile
    ) throws(ImageError) -> (any PreparedChange)? {
        let change = try RawChange(changes, in: file)
        return change.report.writtenBytes > 0 ? change : nil
    }
}
