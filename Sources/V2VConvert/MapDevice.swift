import Conversion
import DiskImage
import GuestDisk

/// The disk in an image as a device for filesystems: read only, and with a cache, for what they read is small and near
/// together, and may be compressed.
final class MapDevice: BlockDevice {
    /// Bytes that are read at once: a cluster or grain of most images, which is inflated as a whole.
    private static let blockSize = 65536
    /// 16 MiB.
    private static let maximumBlocks = 256

    let size: UInt64
    private let map: any DiskMap
    private let reader: ContentReader
    private var blocks: [UInt64: (bytes: [UInt8], use: Int)] = [:]
    private var uses = 0

    init(_ map: any DiskMap) throws(ImageError) {
        self.map = map
        size = map.virtualSize
        reader = try ContentReader(files: map.files)
    }

    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(GuestError) {
        try requireInside(offset, buffer.count)
        var position = 0
        while position < buffer.count {
            let start = offset + UInt64(position)
            let within = Int(start % UInt64(Self.blockSize))
            let rest = buffer.count - position
            let length: Int
            if within == 0, rest >= 2 * Self.blockSize {
                length = min(rest, ConversionSettings.chunkSize)
                // Safe: inside the buffer.
                unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[position..<position + length])
                    .copyMemory(from: try content(start, length))
            } else {
                let bytes = try block(start / UInt64(Self.blockSize))
                length = min(rest, bytes.count - within)
                unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[position..<position + length])
                    .copyBytes(from: bytes[within..<within + length])
            }
            position += length
        }
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(GuestError) {
        preconditionFailure("an image is only read; changes go to an overlay")
    }

    private func block(_ number: UInt64) throws(GuestError) -> [UInt8] {
        uses += 1
        if let found = blocks[number] {
            blocks[number]?.use = uses
            return found.bytes
        }
        let start = number * UInt64(Self.blockSize)
        let bytes = unsafe [UInt8](try content(start, Int(min(UInt64(Self.blockSize), size - start))))
        if blocks.count >= Self.maximumBlocks {
            // The older half goes.
            let middle = blocks.values.map(\.use).sorted()[blocks.count / 2]
            blocks = blocks.filter { $0.value.use >= middle }
        }
        blocks[number] = (bytes, uses)
        return bytes
    }

    /// Stays until the next call.
    private func content(_ offset: UInt64, _ length: Int) throws(GuestError) -> UnsafeRawBufferPointer {
        do throws(ImageError) {
            return unsafe try reader.read(at: offset, length: length, of: map)
        } catch {
            throw GuestError(error)
        }
    }
}
