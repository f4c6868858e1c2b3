/// A writer that can begin before the size of the disk is known.
package protocol LateSizeWriter: ImageWriter {
    /// Tells the size in bytes, after everything has been placed.
    /// - Throws: `invalidOption` if a disk of this size can't be described.
    func setVirtualSize(_ size: UInt64) throws(ImageError)
}
