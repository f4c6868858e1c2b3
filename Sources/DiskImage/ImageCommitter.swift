/// A format whose images can get other content in place: all of it, or, whatever interrupts that, none.
package protocol ImageCommitter: ImageReader {
    /// Whether the last step of a change is one write that is there whole or not at all.
    static var changesAtOnce: Bool { get }

    /// Throws if the image can't be changed in place, before anyone has worked on the changes.
    func requireCommittable() throws(ImageError)

    /// Does all that `changes` need but the last step, before which the image does not know of them.
    /// - Parameter file: the image's file. After the last step this reader does not describe it any more.
    /// - Returns: nil if nothing changes.
    /// - Throws: `inputDamaged`, `inputUnsupported` before anything is written; `outputFailed`, `outputNoSpace`.
    func prepare(_ changes: DiskChanges, in file: EditableFile) throws(ImageError) -> (any PreparedChange)?
}
