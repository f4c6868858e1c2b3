import DiskImage

/// Keeps the tables that a writer makes, in one file in memory.
final class MemorySink: OutputSink {
    private(set) var bytes: [UInt8] = []

    func reserve(_ file: Int, upTo size: UInt64) {
        bytes.append(contentsOf: repeatElement(0, count: max(0, Int(size) - bytes.count)))
    }

    func write(_ bytes: [UInt8], file: Int, at offset: HostOffset) {
        let start = Int(offset.bytes)
        reserve(file, upTo: UInt64(start + bytes.count))
        self.bytes.replaceSubrange(start..<start + bytes.count, with: bytes)
    }

    func writeZeros(at offset: HostOffset, length: UInt64) {}

    func barrier() {}
}
