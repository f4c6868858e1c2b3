/// What a format makes of its metadata: where every byte of the virtual disk is stored.
///
/// A map does no bulk I/O and starts no threads. It loads tables when asked, keeps a bounded number of them, and is
/// used by one thread at a time (the planner holds it).
package protocol DiskMap: AnyObject {
    /// Bytes of the virtual disk; any number, also one that is no multiple of a sector.
    var virtualSize: UInt64 { get }

    /// The files that extents refer to by index.
    var files: [ImageFile] { get }

    /// The extent that starts at `offset` and is at most `limit` bytes long.
    ///
    /// Extents are as long as the format can tell cheaply: neighbours stored contiguously are one extent, and so are
    /// unallocated ranges whose tables are absent altogether.
    /// - Parameters:
    ///   - offset: less than `virtualSize`.
    ///   - limit: at least 1, and `offset + limit` is at most `virtualSize`.
    /// - Throws: ``ImageError`` with code `damaged` if a table or what it points to is not inside its file.
    func extent(at offset: GuestOffset, limit: UInt64) throws(ImageError) -> Extent

    /// How many of the `limit` bytes from `offset` share the fate of the first, for which ``extent(at:limit:)`` has
    /// thrown even with the smallest limit: what the damaged table or table entry describes.
    func unmappableLength(at offset: GuestOffset, limit: UInt64) -> UInt64
}

extension DiskMap {
    /// A page, for maps whose tables say nothing about more.
    package func unmappableLength(at offset: GuestOffset, limit: UInt64) -> UInt64 {
        min(limit, 4096 - offset.bytes % 4096)
    }
}
