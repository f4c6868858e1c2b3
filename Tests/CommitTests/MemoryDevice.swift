import DiskImage
import GuestDisk

/// A disk in memory, under the overlay that collects changes.
final class MemoryDevice: BlockDevice {
    private let bytes: [UInt8]

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    var size: UInt64 { UInt64(bytes.count) }

    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(GuestError) {
        try requireInside(offset, buffer.count)
        buffer.copyBytes(from: bytes[Int(offset)..<Int(offset) + buffer.count])
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(GuestError) {
        throw GuestError(.disk, "the disk below an overlay is never written to")
    }
}
