import Conversion
public import DiskImage
import QCOW2Format
import V2VConvert

/// Lookups in the map of a qcow2 image whose clusters are all compressed, so that each is an extent of its own.
public struct MapSubject {
    private let file: ImageFile
    private let opener = DiskImageSource(path: "").makeOpener()

    private static let virtualSize: UInt64 = 4 << 30
    private static let cluster = 65536
    /// What a compressed cluster takes. Short, for the file is in memory.
    private static let storedLength = 64

    /// An image in memory with a disk of 4 GiB, 65,536 clusters, which have tables, but no content.
    public init() throws(ImageError) {
        let writer = try QCOW2Writer(
            virtualSize: Self.virtualSize, options: QCOW2WriterOptions(), encoding: .deflate(level: 1))
        let sink = MemorySink()
        let length = UInt64(ConversionSettings.chunkSize)
        for offset in stride(from: 0, to: Self.virtualSize, by: ConversionSettings.chunkSize) {
            var chunk = EncodedChunk(offset: GuestOffset(offset), length: length)
            for index in 0..<ConversionSettings.chunkSize / Self.cluster {
                chunk.units.append(
                    .compressed(offset: Int32(index * Self.storedLength), length: Int32(Self.storedLength)))
            }
            chunk.compressedLength = chunk.units.count * Self.storedLength
            _ = try writer.place(chunk, output: sink)
        }
        _ = try writer.finish(output: sink)
        file = try ImageFile(bytes: sink.bytes, path: "image in memory")
    }

    /// Opens the image and asks for every extent of the disk, as the planner does: a chunk at a time.
    /// - Returns: how many there are.
    public func walk() throws(ImageError) -> Int {
        let map = try QCOW2Reader(file: file, opener: opener).makeMap()
        var extents = 0
        var position: UInt64 = 0
        while position < map.virtualSize {
            let rest = UInt64(ConversionSettings.chunkSize) - position % UInt64(ConversionSettings.chunkSize)
            position += try map.extent(at: GuestOffset(position), limit: rest).length
            extents += 1
        }
        return extents
    }
}
