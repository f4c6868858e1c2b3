package import DiskImage

extension RawReader: ImageCommitter {
    /// Everything that can be written to.
    package func requireCommittable() {}

    /// Writes `changes` to the image by way of a journal: see ``RawCommit``.
    package func commit(_ changes: DiskChanges, to file: EditableFile) throws(ImageError) -> CommitReport {
        var report = CommitReport()
        report.writtenBytes = try RawCommit(file).commit(changes)
        return report
    }
}
