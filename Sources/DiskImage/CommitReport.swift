/// What became of an image to which changes were committed.
package struct CommitReport: Sendable, Equatable {
    /// Bytes of the disk that were written: whole clusters or sectors.
    package var writtenBytes: UInt64 = 0
    /// Names of persistent bitmaps that are gone, for they would not know of the changes.
    package var droppedBitmaps: [String] = []

    package init() {}
}
