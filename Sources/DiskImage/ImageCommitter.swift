/// A format whose images can get other content in place: all of it, or, whatever interrupts that, none.
package protocol ImageCommitter: ImageReader {
    /// Throws if the image can't be changed in place, before anyone has worked on the changes.
    func requireCommittable() throws(ImageError)

    /// Writes `changes` to the image.
    /// - Parameter file: the image's file. Once this has returned or thrown, this reader does not describe it any more.
    /// - Throws: `inputDamaged`, `inputUnsupported` before anything is written; `outputFailed`, `outputNoSpace`.
    func commit(_ changes: DiskChanges, to file: EditableFile) throws(ImageError) -> CommitReport
}

/// What became of an image to which changes were committed.
package struct CommitReport: Sendable, Equatable {
    /// Bytes of the disk that were written: whole clusters or sectors.
    package var writtenBytes: UInt64 = 0
    /// Names of persistent bitmaps that are gone, for they would not know of the changes.
    package var droppedBitmaps: [String] = []

    package init() {}
}
