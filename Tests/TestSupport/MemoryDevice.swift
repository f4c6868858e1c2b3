package import GuestDisk

/// A disk in memory, some bytes of which may be unreadable.
package final class MemoryDevice: BlockDevice {
    package var bytes: [UInt8]
    /// What can't be read: ``error`` is thrown.
    package var unreadable: Range<UInt64>?

    package static let error = GuestError(.disk, "a sector can't be read")

    package init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    package var size: UInt64 { UInt64(bytes.count) }

    package func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(GuestError) {
        try requireInside(offset, buffer.count)
        if let unreadable, unreadable.overlaps(offset..<offset + UInt64(buffer.count)) { throw Self.error }
        bytes.withUnsafeBytes { buffer.copyMemory(from: .init(rebasing: $0[Int(offset)...].prefix(buffer.count))) }
    }

    package func write(_ content: UnsafeRawBufferPointer, at offset: UInt64) throws(GuestError) {
        try requireInside(offset, content.count)
        bytes.withUnsafeMutableBytes {
            UnsafeMutableRawBufferPointer(rebasing: $0[Int(offset)...].prefix(content.count)).copyMemory(from: content)
        }
    }
}
