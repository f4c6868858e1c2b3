import GuestDisk

/// A disk in memory, for damages.
final class MemoryDevice: BlockDevice {
    var bytes: [UInt8]
    var size: UInt64 { UInt64(bytes.count) }

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(GuestError) {
        try requireInside(offset, buffer.count)
        bytes.withUnsafeBytes { buffer.copyMemory(from: .init(rebasing: $0[Int(offset)...].prefix(buffer.count))) }
    }

    func write(_ content: UnsafeRawBufferPointer, at offset: UInt64) throws(GuestError) {
        try requireInside(offset, content.count)
        bytes.withUnsafeMutableBytes {
            UnsafeMutableRawBufferPointer(rebasing: $0[Int(offset)...].prefix(content.count)).copyMemory(from: content)
        }
    }
}
