import ByteLayout
import DiskImage

/// A fingerprint of where a disk's parts are stored. It depends on nothing but that: runs that go on in the same way are
/// joined, however they were told. In memory is the last run.
struct MapDigest {
    /// How a run is stored.
    enum Storage: Equatable {
        /// Not in the image: zero, or as the backing file has it.
        case absent
        /// Marked as zero.
        case zero
        /// As it is, from a place in the output's files on.
        case plain(FilePlace)
        /// Compressed in file 0: a unit, from a byte to the end of the last sector that its map entry tells, 0 if it tells
        /// none.
        case compressed(offset: UInt64, end: UInt64, codec: Codec)
    }

    /// What inflates a unit.
    enum Codec: UInt64 {
        case deflate, zstd, grain
    }

    private var digest = ContentDigest()
    private var start: UInt64 = 0
    private var length: UInt64 = 0
    private var storage = Storage.absent

    /// Everything before this byte of the disk has been added.
    var position: UInt64 { start + length }

    /// Adds the next `count` bytes of the disk, or those before `end`, if that comes first.
    mutating func add(_ next: Storage, count: UInt64, upTo end: UInt64 = .max) {
        let count = min(count, end - min(end, position))
        guard next != storage.advanced(by: length) else {
            length += count
            return
        }
        close()
        (start, length, storage) = (position, count, next)
    }

    /// What lies before byte `offset`, if it was not added, is absent.
    mutating func passOver(to offset: UInt64) {
        if offset > position { add(.absent, count: offset - position) }
    }

    /// 128 bits of everything that was added, of a disk of `virtualSize` bytes: what was added behind its end does not count.
    mutating func finish(virtualSize: UInt64) -> (high: UInt64, low: UInt64) {
        passOver(to: virtualSize)
        length -= min(length, position - virtualSize)
        close()
        return digest.bits
    }

    private mutating func close() {
        guard length > 0 else { return }
        digest.add(start)
        digest.add(length)
        switch storage {
        case .absent: digest.add(0)
        case .zero: digest.add(1)
        case .plain(let place):
            digest.add(2)
            digest.add(UInt64(place.file))
            digest.add(place.offset.bytes)
        case .compressed(let offset, let end, let codec):
            digest.add(3 + codec.rawValue)
            digest.add(offset)
            digest.add(end)
        }
    }
}

extension MapDigest.Storage {
    /// What the byte `distance` farther on must be for both to be one run; nil for a unit, which is one by itself.
    fileprivate func advanced(by distance: UInt64) -> Self? {
        switch self {
        case .absent, .zero: self
        case .plain(let place): .plain(FilePlace(file: place.file, offset: place.offset + distance))
        case .compressed: nil
        }
    }
}
