import DiskImage

/// How the ranges of a disk are stored, in the order of the disk: what `qemu-img map` tells.
///
/// Neighbours that are stored in the same way, one behind the other, are one entry.
public struct AllocationMap: ~Copyable {
    /// A range of the disk that is stored in one way.
    public struct Entry: Sendable, Equatable {
        /// Where it starts on the disk, in bytes.
        public var start: UInt64
        /// Bytes.
        public var length: UInt64
        /// Layers above the one that has it: 0 for the image itself, 1 for its backing file, and so on.
        public var depth: Int
        /// Whether any layer says what is there, be it that it is zero.
        public var isPresent: Bool
        /// Whether it is known to read as zeros.
        public var isZero: Bool
        /// Whether the image says that data is stored, though the file may have a hole there.
        public var isData: Bool
        /// Where in the file ``path`` it is stored, in bytes; nil if it is nowhere, or is compressed.
        public var offset: UInt64?
        /// The file that ``offset`` is about.
        public var path: String?

        /// A range of `length` bytes from `start`, stored nowhere in particular.
        public init(start: UInt64, length: UInt64, depth: Int, isPresent: Bool, isZero: Bool, isData: Bool) {
            self.start = start
            self.length = length
            self.depth = depth
            self.isPresent = isPresent
            self.isZero = isZero
            self.isData = isData
        }
    }

    private let map: any DiskMap
    private var position: UInt64
    private let end: UInt64
    /// Read, but perhaps to be joined with what follows.
    private var pending: Entry?

    /// The map of the image `source`.
    /// - Parameters:
    ///   - source: the image.
    ///   - start: where on the disk it begins, in bytes.
    ///   - length: bytes of disk to map; nil for all that follow.
    /// - Throws: `ImageError` if the image can't be opened.
    public init(of source: DiskImageSource, from start: UInt64 = 0, length: UInt64? = nil) throws(ImageError) {
        map = try source.makeMap(try source.open().reader)
        let size = DiskImageTarget.wholeSectors(map.virtualSize)
        position = min(start, size)
        end = position + min(length ?? .max, size - position)
    }

    /// The next entry; nil at the end.
    /// - Throws: `ImageError` if the image's tables turn out to be damaged.
    public mutating func next() throws(ImageError) -> Entry? {
        while position < end {
            let entry = try entry()
            position += entry.length
            guard let before = pending else {
                pending = entry
                continue
            }
            if before.isContinued(by: entry) {
                pending?.length += entry.length
            } else {
                pending = entry
                return before
            }
        }
        defer { pending = nil }
        return pending
    }

    /// The run at ``position``.
    private func entry() throws(ImageError) -> Entry {
        let size = map.virtualSize
        let extent =
            position < size
            ? try map.extent(at: GuestOffset(position), limit: min(end, size) - position) : try rest(behind: size)
        var entry = Entry(
            start: position, length: extent.length, depth: extent.depth, isPresent: extent.isPresent,
            isZero: extent.content == .zero, isData: extent.isData)
        if let place = extent.place {
            let file = map.files[place.file]
            entry.offset = file.base + place.offset.bytes
            entry.path = file.path
        }
        return entry
    }
}

extension AllocationMap {
    /// What follows the last byte of a disk that ends inside a sector: zeros, behind it in the file.
    private func rest(behind size: UInt64) throws(ImageError) -> Extent {
        let last = try map.extent(at: GuestOffset(size - 1), limit: 1)
        var rest = Extent(length: end - position, content: .zero)
        rest.depth = last.depth
        rest.unusedPlace = last.place.map { FilePlace(file: $0.file, offset: $0.offset + (position - size + 1)) }
        return rest
    }
}

extension AllocationMap.Entry {
    /// Whether `next` is stored like this one and, in the file, behind it.
    fileprivate func isContinued(by next: Self) -> Bool {
        depth == next.depth && isPresent == next.isPresent && isZero == next.isZero && isData == next.isData
            && path == next.path && offset.map { $0 + length } == next.offset
    }
}
