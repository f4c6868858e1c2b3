/// A format that can be written: the mirror image of a map.
///
/// Workers cut the disk into *units* (clusters, grains, or blocks of a raw file), find the zero ones and encode the
/// others, in parallel and in any order. Then each chunk of units is *placed*, in the order of the virtual disk, by one
/// thread at a time. So tables are complete, and leave memory, as soon as the sequence has passed them, and the output
/// depends on nothing but the content and the options.
package protocol ImageWriter: AnyObject {
    var layout: WriterLayout { get }

    /// The files an image has besides the one with the output's name, as paths relative to that one's directory. The file
    /// with the output's name is number 0, these are 1, 2, …; all of them appear together, number 0 last.
    var companions: [String] { get }

    /// Whether the output comes strictly front to back, without gaps if nothing is left out, so that it can go into a pipe.
    var isSequential: Bool { get }

    /// Whether the output has been planned from the disk's map: chunks in which the map has data are stored whole, their
    /// zeros too, and others not at all.
    var isPlanned: Bool { get }

    /// The bytes of every file, by number, if the whole disk is stored plain; nil where only placing it tells.
    var fullSizes: [UInt64]? { get }

    /// What is to be said about the output, as whole sentences without its name.
    var warnings: [String] { get }

    /// Assigns host offsets to the units of the next chunk and enters them into the tables; writes tables that are
    /// complete to `output`.
    func place(_ chunk: EncodedChunk, output: any OutputSink) throws(ImageError) -> Placement

    /// Writes the remaining tables and, behind a barrier, what makes the output valid.
    /// - Returns: the bytes of every finished file, by number.
    func finish(output: any OutputSink) throws(ImageError) -> [UInt64]
}

extension ImageWriter {
    package var companions: [String] { [] }
    package var isSequential: Bool { false }
    package var isPlanned: Bool { false }
    package var fullSizes: [UInt64]? { nil }
    package var warnings: [String] { [] }
}

/// How a writer wants its units.
package struct WriterLayout: Sendable {
    /// Bytes of a unit: a power of two from 512 to the chunk size.
    package var unitSize: Int
    /// How many parts a unit has whose zeros the format can tell: the 32 subclusters of qcow2's extended L2, else 1.
    package var subunitsPerUnit: Int
    /// True if the plain units of a chunk are as far apart in the file as on the disk; false if they are packed, plain ones
    /// back to back, compressed ones back to back.
    package var keepsOffsets: Bool
    /// How units are compressed, if they are.
    package var encoding: UnitEncoding?
    /// Bytes from the start of one compressed unit to the next, at least.
    package var compressedSpacing: Int
    /// Whether chunks carry a checksum of what is stored of them, for a ``ContentDigest``.
    package var hasChecksums: Bool
    /// What has places in the output besides the units that are stored.
    package var unusedPlaces: UnusedPlaces

    package init(
        unitSize: Int, subunitsPerUnit: Int = 1, keepsOffsets: Bool, encoding: UnitEncoding? = nil,
        compressedSpacing: Int = 0, hasChecksums: Bool = false, unusedPlaces: UnusedPlaces = .none
    ) {
        self.unitSize = unitSize
        self.subunitsPerUnit = subunitsPerUnit
        self.keepsOffsets = keepsOffsets
        self.encoding = encoding
        self.compressedSpacing = compressedSpacing
        self.hasChecksums = hasChecksums
        self.unusedPlaces = unusedPlaces
    }
}

/// Which parts of a disk have places in an output besides the units that are stored.
package enum UnusedPlaces: Sendable, Equatable {
    /// None: clusters and grains have places if they are stored.
    case none
    /// All of a block of so many bytes of which anything is stored.
    case blocks(UInt64)
    /// All of every chunk, where its placement says, and where it would say for one that is passed over.
    case chunks
    /// The whole disk; its bytes are as far apart in each file as on the disk.
    case disk
}

/// How units are compressed: a codec with its level, and what is put around its result.
package enum UnitEncoding: Sendable, Equatable {
    /// Raw deflate (RFC 1951), levels 0 (fastest) to 12 (smallest); 9 with the smaller window.
    case deflate(level: Int, window: DeflateWindow = .kib32)
    /// One Zstandard frame, levels 1 to 19.
    case zstd(level: Int)
    /// A VMDK grain: a header of 12 bytes (the grain's first sector on the disk, the length of what follows), a zlib
    /// stream (RFC 1950) of a level as for ``deflate(level:)``, zeros up to the next sector.
    case vmdkGrain(level: Int)

    /// The most bytes that a unit of `length` may take; one that would take more is stored plain. A grain never is: what
    /// can't be compressed is in stored blocks of deflate, which need 5 bytes for 64 KiB.
    package func limit(forUnit length: Int) -> Int {
        switch self {
        case .deflate, .zstd: length - 1
        case .vmdkGrain: length + 512
        }
    }
}

/// A chunk of the virtual disk after encoding.
package struct EncodedChunk: Sendable {
    /// Where the chunk starts: a multiple of the chunk size.
    package var offset: GuestOffset
    /// Bytes of virtual disk, less than the chunk size only at the end of the disk.
    package var length: UInt64
    /// What became of each unit, in order.
    package var units: [StoredUnit]
    /// Of each unit what became of its subunits; empty if units have no parts.
    package var subunits: [StoredSubunits]
    /// How many units are plain.
    package var plainCount: Int
    /// Bytes from the start of the first compressed unit to the end of the last.
    package var compressedLength: Int
    /// CRC-32 of what is stored, if the layout wants it.
    package var checksum: UInt32

    package init(offset: GuestOffset, length: UInt64) {
        self.offset = offset
        self.length = length
        units = []
        subunits = []
        plainCount = 0
        compressedLength = 0
        checksum = 0
    }
}

/// What became of one unit.
package enum StoredUnit: Sendable, Equatable {
    /// As the backing file has it: not stored.
    case unallocated
    /// All zeros, or zeros and what the backing file has: not stored.
    case zero
    /// Stored as it is.
    case plain
    /// Stored compressed: `length` bytes at `offset` of the chunk's compressed units.
    case compressed(offset: Int32, length: Int32)
}

extension StoredUnit {
    /// Whether bytes are stored for it.
    package var isStored: Bool {
        switch self {
        case .unallocated, .zero: false
        case .plain, .compressed: true
        }
    }
}

/// What became of the parts of a unit, the first in bit 0. What is neither stored nor zero is as the backing file has it.
package struct StoredSubunits: Sendable, Equatable {
    package var stored: UInt32 = 0
    package var zero: UInt32 = 0

    package init() {}

    /// All are zero.
    package static let allZero: StoredSubunits = {
        var subunits = StoredSubunits()
        subunits.zero = .max
        return subunits
    }()
}

/// Where the units of a chunk go.
package struct Placement: Sendable {
    /// Where the plain units go. The pieces, one after the other, make up the chunk: the whole of it if its units keep
    /// their offsets (of the zero ones nothing is written), else its plain units, packed.
    package var plain: [Piece]
    /// Where the compressed units go, in file 0.
    package var compressed: HostOffset

    /// A part of a chunk, and its place.
    package struct Piece: Sendable, Equatable {
        package var length: UInt64
        /// The number of the file.
        package var file: Int
        package var offset: HostOffset

        package init(length: UInt64, file: Int = 0, at offset: HostOffset) {
            self.length = length
            self.file = file
            self.offset = offset
        }
    }

    package init(plain: [Piece] = [], compressed: HostOffset = HostOffset(0)) {
        self.plain = plain
        self.compressed = compressed
    }

    /// Adds the next piece, or makes the last one longer.
    package mutating func append(length: UInt64, file: Int, at offset: HostOffset) {
        if let last = plain.last, last.file == file, last.offset + last.length == offset {
            plain[plain.count - 1].length += length
        } else {
            plain.append(Piece(length: length, file: file, at: offset))
        }
    }
}
