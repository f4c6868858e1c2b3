import Foundation
import GuestDisk

/// A disk in memory, some bytes of which can't be read.
final class MemoryDevice: BlockDevice {
    var bytes: [UInt8]
    var unreadable: Range<UInt64>?
    var size: UInt64 { UInt64(bytes.count) }

    static let error = GuestError(.disk, "a sector can't be read")

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(GuestError) {
        try requireInside(offset, buffer.count)
        if let unreadable, unreadable.overlaps(offset..<offset + UInt64(buffer.count)) { throw Self.error }
        bytes.withUnsafeBytes { buffer.copyMemory(from: .init(rebasing: $0[Int(offset)...].prefix(buffer.count))) }
    }

    func write(_ content: UnsafeRawBufferPointer, at offset: UInt64) throws(GuestError) {
        try requireInside(offset, content.count)
        bytes.withUnsafeMutableBytes {
            UnsafeMutableRawBufferPointer(rebasing: $0[Int(offset)...].prefix(content.count)).copyMemory(from: content)
        }
    }
}

/// Whether bytes are the same. Unlike `==` in `#expect`, fast without optimisation, and not printed.
func same(_ first: [UInt8], _ second: [UInt8]) -> Bool {
    first.count == second.count && memcmp(first, second, first.count) == 0
}
