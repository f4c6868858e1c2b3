import Conversion
import DiskImage

/// Compares the contents of two disk images, in whatever formats they are.
///
/// A disk that is smaller has the same content as one with only zeros behind that size. What both images know to be zero
/// is not read.
public struct ImageComparison: Sendable {
    /// The one image.
    public var first: DiskImageSource
    /// The other.
    public var second: DiskImageSource
    /// Disks of different sizes are different, and so are those that store a range in different ways: whether it is
    /// allocated, zero by the image's tables, or compressed.
    public var isStrict = false

    /// A comparison of the images `first` and `second`.
    public init(_ first: DiskImageSource, _ second: DiskImageSource) {
        self.first = first
        self.second = second
    }

    /// What a comparison found.
    public struct Result: Sendable, Equatable {
        /// The first difference; nil if there is none.
        public var difference: Difference?
        /// Whether the disks have different numbers of sectors, which is a ``Difference`` only if the comparison is strict.
        public var hasSizeMismatch: Bool
        /// Bytes of the smaller disk, in whole sectors.
        public var sharedSize: UInt64
    }

    /// How two disks differ.
    public enum Difference: Sendable, Equatable {
        /// In the byte at this offset.
        case content(offset: UInt64)
        /// In how the range that starts at this offset is stored.
        case allocation(offset: UInt64)
        /// In size.
        case size
    }

    /// Compares. Cancelling the task stops it.
    /// - Parameter progress: called about four times a second, from one task at a time, and once at the end.
    /// - Throws: `ImageError`: about an image that can't be opened or read before the first difference; its code is
    ///   `cancelled` after a cancellation.
    public func compare(progress: (@Sendable (ConversionProgress) -> Void)? = nil) async throws -> Result {
        try await Job.run(progress: progress) { job throws(ImageError) in try compareBlocking(job) }
    }

    private func compareBlocking(_ job: Job) throws(ImageError) -> Result {
        let (firstReader, firstOpener) = try first.open()
        let (secondReader, secondOpener) = try second.open()
        let firstMap = try first.makeMap(firstReader)
        let secondMap = try second.makeMap(secondReader)
        let sizes = [firstMap.virtualSize, secondMap.virtualSize].map(DiskImageTarget.wholeSectors)
        var result = Result(
            difference: nil, hasSizeMismatch: sizes[0] != sizes[1], sharedSize: min(sizes[0], sizes[1]))
        if isStrict, result.hasSizeMismatch {
            result.difference = .size
            return result
        }
        let comparison = Comparison(firstMap, secondMap, comparesAllocation: isStrict, job: job)
        let difference = try comparison.run(workers: Comparison.workers(processors: ConversionSettings.processors))
        try firstOpener.opened.requireUnshortened()
        try secondOpener.opened.requireUnshortened()
        switch difference {
        case .content(let offset)?: result.difference = .content(offset: offset.bytes)
        case .allocation(let offset)?: result.difference = .allocation(offset: offset.bytes)
        case nil: break
        }
        return result
    }
}
