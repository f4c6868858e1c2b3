import ByteLayout
import DiskImage

/// The changed blocks of an ``OverlayDevice`` as a layer: the rest is not allocated.
final class OverlayMap: DiskMap {
    let virtualSize: UInt64
    let files: [ImageFile]
    /// Runs of changed blocks, in the order of the disk.
    private let runs: [Run]

    private struct Run {
        /// On the disk.
        var bytes: Range<UInt64>
        /// In the file.
        var offset: UInt64
    }

    init(file: ImageFile, virtualSize: UInt64, places: [UInt64: Int]) {
        self.virtualSize = virtualSize
        files = [file]
        let blockSize = UInt64(OverlayDevice.blockSize)
        var runs: [Run] = []
        for (block, place) in places.sorted(by: { $0.key < $1.key }) {
            let start = block * blockSize
            let end = min(start + blockSize, virtualSize)
            let offset = UInt64(place) * blockSize
            if let last = runs.last, last.bytes.upperBound == start,
                last.offset + (start - last.bytes.lowerBound) == offset
            {
                runs[runs.count - 1].bytes = last.bytes.lowerBound..<end
            } else {
                runs.append(Run(bytes: start..<end, offset: offset))
            }
        }
        self.runs = runs
    }

    func extent(at offset: GuestOffset, limit: UInt64) throws(ImageError) -> Extent {
        let index = runs.partitioningIndex { $0.bytes.upperBound > offset.bytes }
        guard index < runs.count else { return Extent(length: limit, content: .unallocated) }
        let run = runs[index]
        guard run.bytes.lowerBound <= offset.bytes else {
            return Extent(length: min(limit, run.bytes.lowerBound - offset.bytes), content: .unallocated)
        }
        let skipped = offset.bytes - run.bytes.lowerBound
        return Extent(
            length: min(limit, run.bytes.upperBound - offset.bytes),
            content: .data(file: 0, offset: HostOffset(run.offset + skipped)))
    }
}
