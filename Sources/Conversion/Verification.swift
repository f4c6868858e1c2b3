import ByteLayout
package import DiskImage
import Locking

/// Compares where the map of a finished output has the parts of the disk with where they were placed. (What is stored there
/// the workers read back and compare while they convert.)
///
/// Memory is that of two fingerprints, whatever the disk.
package final class Verification: Sendable {
    private struct State {
        var digest = MapDigest()
        /// Of a disk that has its place as a whole: how much farther on its bytes are in a file, by the file's number.
        var distances: [Int: UInt64] = [:]
    }

    private let state = Guarded(State())
    private let layout: WriterLayout
    /// Whether what the image doesn't have is something else than zeros.
    private let hasBacking: Bool

    /// - Parameters:
    ///   - layout: of the output's writer.
    ///   - hasBacking: the output has a backing file.
    package init(_ layout: WriterLayout, hasBacking: Bool) {
        self.layout = layout
        self.hasBacking = hasBacking
    }

    // MARK: What was placed

    /// Notes where the units of the next chunk are.
    func placed(_ chunk: EncodedChunk, _ placement: Placement) {
        state.withLock { state in
            switch layout.unusedPlaces {
            case .none, .chunks: addUnits(chunk, placement, &state.digest)
            case .blocks(let size): addBlocks(chunk, placement, size: size, &state.digest)
            case .disk:
                var position = chunk.offset.bytes
                for piece in placement.plain {
                    state.distances[piece.file] = piece.offset.bytes &- position
                    position += piece.length
                }
            }
        }
    }

    private func addUnits(_ chunk: EncodedChunk, _ placement: Placement, _ digest: inout MapDigest) {
        digest.passOver(to: chunk.offset.bytes)
        let unit = UInt64(layout.unitSize)
        // The last units may end after the disk, which has whole sectors.
        let end = (chunk.offset.bytes + chunk.length).alignedUp(to: 512)
        var places = UnitPlaces(placement.plain[...], unitSize: unit)
        for (index, stored) in chunk.units.enumerated() {
            let place = stored == .plain || layout.keepsOffsets ? places.next() : nil
            switch stored {
            case .compressed(let offset, let length):
                let start = placement.compressed.bytes + UInt64(offset)
                digest.add(compressed(start, length: length), count: unit, upTo: end)
            case .plain, .zero, .unallocated:
                if chunk.subunits.isEmpty {
                    digest.add(storage(of: stored, at: place), count: unit, upTo: end)
                } else {
                    addSubunits(chunk.subunits[index], at: place, upTo: end, &digest)
                }
            }
        }
    }

    private func storage(of unit: StoredUnit, at place: FilePlace?) -> MapDigest.Storage {
        if let place, unit == .plain || layout.unusedPlaces == .chunks { return .plain(place) }
        return unit == .zero && hasBacking ? .zero : .absent
    }

    private func addSubunits(
        _ parts: StoredSubunits, at place: FilePlace?, upTo end: UInt64, _ digest: inout MapDigest
    ) {
        let size = UInt64(layout.unitSize / layout.subunitsPerUnit)
        for index in 0..<layout.subunitsPerUnit {
            let bit = UInt32(1) << UInt32(index)
            var storage: MapDigest.Storage = parts.zero & bit != 0 && hasBacking ? .zero : .absent
            if let place, parts.stored & bit != 0 {
                storage = .plain(FilePlace(file: place.file, offset: place.offset + UInt64(index) * size))
            }
            digest.add(storage, count: size, upTo: end)
        }
    }

    private func compressed(_ start: UInt64, length: Int32) -> MapDigest.Storage {
        // What is known of the end is the sector in which it is.
        let end = (start + UInt64(length)).alignedUp(to: 512)
        switch layout.encoding {
        case .deflate: return .compressed(offset: start, end: end, codec: .deflate)
        case .zstd: return .compressed(offset: start, end: end, codec: .zstd)
        case .vmdkGrain: return .compressed(offset: start, end: 0, codec: .grain)
        case nil: preconditionFailure("a writer without encoding has a compressed unit")
        }
    }

    /// A block has its place as soon as anything of it is stored.
    private func addBlocks(
        _ chunk: EncodedChunk, _ placement: Placement, size: UInt64, _ digest: inout MapDigest
    ) {
        var position = chunk.offset.bytes
        for piece in placement.plain {
            let start = position.alignedDown(to: size)
            if digest.position <= start, chunk.isStored(position..<position + piece.length, unitSize: layout.unitSize) {
                digest.passOver(to: start)
                let place = FilePlace(file: piece.file, offset: HostOffset(piece.offset.bytes - (position - start)))
                digest.add(.plain(place), count: size)
            }
            position += piece.length
        }
    }

    // MARK: What the map says

    /// Throws `outputFailed` unless `map` has everything where it was placed.
    /// - Parameters:
    ///   - path: the output's, for messages.
    ///   - fileNumbers: the numbers that the writer has for the files of the map.
    package func compare(
        _ map: any DiskMap, path: String, fileNumbers: [Int], job: Job
    ) throws(ImageError) {
        var placed = state.withLock { $0 }
        var found = MapDigest()
        var steps = 0
        var position: UInt64 = 0
        while position < map.virtualSize {
            let extent = try map.extent(at: GuestOffset(position), limit: map.virtualSize - position)
            if let place = extent.place, layout.unusedPlaces == .disk {
                let distance = place.offset.bytes &- position
                let expected = placed.distances[fileNumbers[place.file], default: distance]
                guard distance == expected else { throw Self.mismatch(path: path) }
            } else {
                found.add(storage(of: extent, fileNumbers), count: extent.length)
            }
            position += extent.length
            steps += 1
            if steps % 1024 == 0 { try job.check() }
        }
        guard layout.unusedPlaces != .disk else { return }
        let size = map.virtualSize
        guard placed.digest.finish(virtualSize: size) == found.finish(virtualSize: size) else {
            throw Self.mismatch(path: path)
        }
    }

    private func storage(of extent: Extent, _ fileNumbers: [Int]) -> MapDigest.Storage {
        if case .compressed(let unit) = extent.content {
            let start = unit.offset.bytes
            let end = start + UInt64(unit.storedBound)
            switch unit.coding {
            case .deflate: return .compressed(offset: start, end: end, codec: .deflate)
            case .zstd: return .compressed(offset: start, end: end, codec: .zstd)
            case .vmdkGrain: return .compressed(offset: start, end: 0, codec: .grain)
            }
        }
        if extent.isData, let place = extent.place {
            return .plain(FilePlace(file: fileNumbers[place.file], offset: place.offset))
        }
        return extent.isPresent && hasBacking ? .zero : .absent
    }

    /// The error for tables that lead elsewhere.
    package static func mismatch(path: String) -> ImageError {
        ImageError(
            .outputFailed, "the tables on the device are not those that were written",
            advice: "check the device, and convert again", path: path)
    }
}

/// The places of one unit after the other, in the pieces of a placement.
private struct UnitPlaces {
    private var pieces: ArraySlice<Placement.Piece>
    private let unitSize: UInt64
    /// Bytes of the first piece that have been handed out.
    private var used: UInt64 = 0

    init(_ pieces: ArraySlice<Placement.Piece>, unitSize: UInt64) {
        self.pieces = pieces
        self.unitSize = unitSize
    }

    mutating func next() -> FilePlace? {
        if let first = pieces.first, used >= first.length {
            pieces.removeFirst()
            used = 0
        }
        defer { used += unitSize }
        return pieces.first.map { FilePlace(file: $0.file, offset: $0.offset + used) }
    }
}
