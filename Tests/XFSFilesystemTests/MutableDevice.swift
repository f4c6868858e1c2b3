import GuestDisk

/// A device in memory that remembers what was read, and can be changed behind the reader's back.
final class MutableDevice: BlockDevice {
    var bytes: [UInt8]
    private var reads: Set<Range<Int>> = []

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    var size: UInt64 { UInt64(bytes.count) }

    /// The ranges that were read and may be structures: no single bytes, and nothing as large as the log. In order.
    func takeReads() -> [Range<Int>] {
        defer { reads = [] }
        return reads.filter { (200...65536).contains($0.count) }.sorted { $0.lowerBound < $1.lowerBound }
    }

    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(GuestError) {
        try requireInside(offset, buffer.count)
        let range = Int(offset)..<Int(offset) + buffer.count
        reads.insert(range)
        bytes.withUnsafeBytes { buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[range])) }
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(GuestError) {
        try requireInside(offset, bytes.count)
        self.bytes.replaceSubrange(Int(offset)..<Int(offset) + bytes.count, with: bytes)
    }
}

/// Numbers that look random, and are the same each time.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
