/// A format that can be written: the mirror image of a map.
///
/// Workers cut the disk into *units* (clusters, grains, or blocks of a raw file), find the zero ones and encode the
/// others, in parallel and in any order. Then each chunk of units is *placed*, in the order of the virtual disk, by one
/// thread at a time. So tables are complete, and leave memory, as soon as the sequence has passed them, and the output
/// depends on nothing but the content and the options.
package protocol ImageWriter: AnyObject {
    var layout: WriterLayout { get }

    /// Assigns host offsets to the units of the next chunk and enters them into the tables; writes tables that are
    /// complete to `output`.
    func place(_ chunk: EncodedChunk, output: any OutputSink) throws(ImageError) -> Placement

    /// Writes the remaining tables and, behind a barrier, what makes the output valid.
    /// - Returns: the bytes of the finished file.
    func finish(output: any OutputSink) throws(ImageError) -> UInt64
}

/// How a writer wants its units.
package struct WriterLayout: Sendable {
    /// Bytes of a unit: a power of two from 512 to the chunk size.
    package var unitSize: Int
    /// How many parts a unit has whose zeros the format can tell: the 32 subclusters of qcow2's extended L2, else 1.
    package var subunitsPerUnit: Int
    /// True if a unit's host offset is its guest offset; false if the units of a chunk are packed, plain ones back to
    /// back, compressed ones back to back.
    package var keepsOffsets: Bool
    /// How units are compressed, if they are.
    package var encoding: UnitEncoding?
    /// Bytes from the start of one compressed unit to the next, at least.
    package var compressedSpacing: Int
    /// Packed compressed units start at, and are padded to, a multiple of this many bytes.
    package var blobAlignment: Int

    package init(
        unitSize: Int, subunitsPerUnit: Int = 1, keepsOffsets: Bool, encoding: UnitEncoding? = nil,
        compressedSpacing: Int = 0, blobAlignment: Int = 4096
    ) {
        self.unitSize = unitSize
        self.subunitsPerUnit = subunitsPerUnit
        self.keepsOffsets = keepsOffsets
        self.encoding = encoding
        self.compressedSpacing = compressedSpacing
        self.blobAlignment = blobAlignment
    }
}

/// A codec with its level; a unit that does not become shorter is stored plain.
package enum UnitEncoding: Sendable, Equatable {
    /// Raw deflate (RFC 1951), levels 0 (fastest) to 12 (smallest); 9 with the smaller window.
    case deflate(level: Int, window: DeflateWindow = .kib32)
    /// One Zstandard frame, levels 1 to 19.
    case zstd(level: Int)
}

/// A chunk of the virtual disk after encoding.
package struct EncodedChunk: Sendable {
    /// Where the chunk starts: a multiple of the chunk size.
    package var offset: GuestOffset
    /// Bytes of virtual disk, less than the chunk size only at the end of the disk.
    package var length: UInt64
    /// What became of each unit, in order.
    package var units: [StoredUnit]
    /// Of each unit the subunits that are not zero, the first in bit 0; empty if units have no parts.
    package var subunits: [UInt32]
    /// How many units are plain.
    package var plainCount: Int
    /// Bytes from the start of the first compressed unit to the end of the last.
    package var compressedLength: Int

    package init(offset: GuestOffset, length: UInt64) {
        self.offset = offset
        self.length = length
        units = []
        subunits = []
        plainCount = 0
        compressedLength = 0
    }
}

/// What became of one unit.
package enum StoredUnit: Sendable, Equatable {
    /// All zeros: not stored.
    case zero
    /// Stored as it is.
    case plain
    /// Stored compressed: `length` bytes at `offset` of the chunk's compressed units.
    case compressed(offset: Int32, length: Int32)
}

/// Where the units of a chunk go.
package struct Placement: Sendable {
    /// Host offset of the first plain unit of a packed chunk.
    package var plain: HostOffset
    /// Host offset of the compressed units.
    package var compressed: HostOffset

    package init(plain: HostOffset = HostOffset(0), compressed: HostOffset = HostOffset(0)) {
        self.plain = plain
        self.compressed = compressed
    }
}

/// The file a writer puts its tables into.
package protocol OutputSink: AnyObject {
    /// Makes the file at least `size` bytes long.
    func reserve(upTo size: UInt64) throws(ImageError)
    /// Writes `bytes` at `offset`.
    func write(_ bytes: [UInt8], at offset: HostOffset) throws(ImageError)
    /// Makes `length` bytes at `offset` read as zeros, whatever was there.
    func writeZeros(at offset: HostOffset, length: UInt64) throws(ImageError)
    /// Returns when everything written so far would survive a crash, if the output is written in place.
    func barrier() throws(ImageError)
}
