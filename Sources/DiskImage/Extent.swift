/// A run of the virtual disk that is stored in one way.
package struct Extent: Equatable, Sendable {
    /// Bytes of virtual disk it covers, at least 1.
    package var length: UInt64
    package var content: Content
    /// Why a run of zeros is one; of other runs it says nothing.
    package var zeroOrigin: ZeroOrigin
    /// Where a run that is not ``Content/data(file:offset:)`` has a place all the same: a cluster that is kept although its
    /// content is zero, or a hole of the file.
    package var unusedPlace: FilePlace?
    /// Layers above the one that has it: 0 for the image itself, 1 for its backing file or parent, and so on.
    package var depth = 0

    package init(
        length: UInt64, content: Content, zeroOrigin: ZeroOrigin = .marked, unusedPlace: FilePlace? = nil
    ) {
        self.length = length
        self.content = content
        self.zeroOrigin = zeroOrigin
        self.unusedPlace = unusedPlace
    }

    package enum Content: Equatable, Sendable {
        /// Reads as zeros; nothing is stored, nothing is read.
        case zero
        /// Stored as it is, contiguously, from `offset` of the map's file number `file`.
        case data(file: Int, offset: HostOffset)
        /// Stored compressed.
        case compressed(CompressedUnit)
        /// Not in this layer: what the parent has there. Only maps of layers have such extents; the map that an
        /// ``ImageReader`` makes has none.
        case unallocated
    }

    /// Where zeros come from. To read them this doesn't matter; `map` tells it.
    package enum ZeroOrigin: Equatable, Sendable {
        /// No layer has anything there.
        case absent
        /// The image says that it is zero: by its tables, or, if it has none, by a hole.
        case marked
        /// The image's tables say that data is stored, but the file has a hole there.
        case hole
    }
}

/// A place in one of a map's files.
package struct FilePlace: Equatable, Sendable {
    /// Index into the map's files.
    package var file: Int
    package var offset: HostOffset

    package init(file: Int, offset: HostOffset) {
        self.file = file
        self.offset = offset
    }
}

/// One compressed cluster or grain: what must be read and inflated as a whole to get any byte of it.
package struct CompressedUnit: Equatable, Sendable {
    /// Index into the map's files.
    package var file: Int
    /// Where the stored bytes start.
    package var offset: HostOffset
    /// Upper bound of the stored bytes. Formats that keep the true length beside the data (VMDK) or count only whole
    /// sectors (qcow2) cannot say it exactly without reading. The range may end after the end of the file.
    package var storedBound: Int
    /// Bytes the unit inflates to, never more.
    package var unitLength: Int
    /// Bytes the unit inflates to at least: fewer than ``unitLength`` only for a unit in which the disk ends.
    package var minimumLength: Int
    /// Bytes of the inflated unit before those the extent covers.
    package var skipped: UInt64
    package var coding: Coding

    package init(
        file: Int, offset: HostOffset, storedBound: Int, unitLength: Int, minimumLength: Int? = nil,
        skipped: UInt64 = 0, coding: Coding
    ) {
        self.file = file
        self.offset = offset
        self.storedBound = storedBound
        self.unitLength = unitLength
        self.minimumLength = minimumLength ?? unitLength
        self.skipped = skipped
        self.coding = coding
    }

    /// How the stored bytes are framed and compressed.
    package enum Coding: Equatable, Sendable {
        /// qcow2 compression type 0: a raw deflate stream (RFC 1951) without checksum.
        case deflate
        /// qcow2 compression type 1: Zstandard frames.
        case zstd
        /// A VMDK grain: `headerLength` bytes (the last four of them the little-endian length of what follows), then
        /// a zlib stream (RFC 1950). With a 12-byte header the first eight are the grain's first sector on the
        /// virtual disk, which must equal `sector`.
        case vmdkGrain(headerLength: Int, sector: UInt64)
    }
}
