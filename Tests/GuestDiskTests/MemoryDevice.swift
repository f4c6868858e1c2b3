import GuestDisk

/// A disk in memory.
final class MemoryDevice: BlockDevice {
    var bytes: [UInt8]

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    var size: UInt64 { UInt64(bytes.count) }

    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(GuestError) {
        try requireInside(offset, buffer.count)
        buffer.copyBytes(from: bytes[Int(offset)..<Int(offset) + buffer.count])
    }

    func write(_ new: UnsafeRawBufferPointer, at offset: UInt64) throws(GuestError) {
        try requireInside(offset, new.count)
        bytes.replaceSubrange(Int(offset)..<Int(offset) + new.count, with: new)
    }
}
