import Conversion
public import DiskImage
import QCOW2Format
import RingIO

/// The sequencer with a qcow2 writer behind it: two workers hand in chunks, each pair in the wrong order.
public struct SequencerSubject {
    private let chunks: [EncodedChunk]
    private let wakes: [WakeEvent]

    /// Chunks of a disk of 8 GiB.
    private static let count = 4096

    /// Chunks without zeros.
    /// - Throws: if the process has no descriptors left.
    public init() throws {
        wakes = [try WakeEvent(), try WakeEvent()]
        let length = UInt64(ConversionSettings.chunkSize)
        chunks = (0..<Self.count).map { index in
            var chunk = EncodedChunk(offset: GuestOffset(UInt64(index) * length), length: length)
            chunk.units = Array(repeating: .plain, count: ConversionSettings.chunkSize / 65536)
            chunk.plainCount = chunk.units.count
            return chunk
        }
    }

    /// Places every chunk; the tables that are written go nowhere.
    /// - Returns: how many were placed.
    public func placeAll() throws(ImageError) -> Int {
        let writer = try QCOW2Writer(
            virtualSize: UInt64(Self.count * ConversionSettings.chunkSize), options: QCOW2WriterOptions(), encoding: nil
        )
        let sequencer = Sequencer(writer: writer, output: DiscardingSink(), wakes: wakes)
        var placed = 0
        for first in stride(from: 0, to: Self.count, by: 2) {
            for (worker, index) in [(1, first + 1), (0, first)] {
                try sequencer.offer(chunks[index], sequence: UInt64(index), worker: worker, slot: 0)
            }
            for worker in 0..<2 { placed += sequencer.takePlaced(worker: worker).count }
        }
        _ = try sequencer.finish()
        return placed
    }
}
