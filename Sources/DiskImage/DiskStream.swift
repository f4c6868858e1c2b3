/// A disk that can only be read from its start to its end, because it comes out of a pipe or of something compressed: a
/// map whose extents come in the order of the disk, each with its bytes.
package protocol DiskStream: AnyObject {
    /// What messages call it.
    var path: String { get }

    /// What is known so far. The size is 0 if only the end will tell.
    var info: ImageInfo { get }

    /// Bytes of the virtual disk; nil if only the end will tell.
    var virtualSize: UInt64? { get }

    /// The next stored extent; its bytes must be read before the one after it. Nil at the end, after everything has been
    /// checked that only the end can tell.
    ///
    /// Extents usually rise; whoever reads them copes with those that do not, or refuses. None crosses a multiple of
    /// ``StreamedExtent/window``.
    func next() throws(ImageError) -> StreamedExtent?

    /// Reads the stored bytes of the extent that ``next()`` has returned.
    /// - Parameter buffer: has room for ``StreamedExtent/storedLength``.
    /// - Returns: bytes read; fewer only of plain data at the end of a disk whose size is not known before.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(ImageError) -> Int
}

/// A range of the virtual disk that a stream holds.
package struct StreamedExtent {
    /// Where it starts on the disk.
    package var offset: GuestOffset
    /// Plain data or one compressed unit. The file's number is 0, offsets count from the start of the stream.
    package var extent: Extent
    /// Bytes it takes in the stream.
    package var storedLength: Int

    /// Bytes of the disk within which an extent lies.
    package static let window: UInt64 = 2 << 20

    package init(offset: GuestOffset, extent: Extent, storedLength: Int) {
        self.offset = offset
        self.extent = extent
        self.storedLength = storedLength
    }

    /// The byte of the disk behind it.
    package var end: UInt64 { offset.bytes + extent.length }
}
