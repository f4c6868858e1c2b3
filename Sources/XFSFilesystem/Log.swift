import ByteLayout
import GuestDisk

/// The log: a ring of blocks, which tells of changes before they are made. Each block has in its first word (a header in its
/// second) how often the ring had been gone through when it was written, its cycle:
/// ```
///   5 5 5 5 5 5 5 │ 4 4 4 4 4 4        the next record will be written where the bar is: the head
/// ```
/// If the record in front of the head is the one that ends an unmount, nothing need be replayed: see ``state()``.
/// To replay a log means to go from the tail, which the last record names, to the head.
///
/// Facts from "XFS Algorithms & Data Structures", chapter "Journaling log".
struct Log {
    /// The log counts in these, in bytes, whatever the blocks of the filesystem.
    static let blockSize = 512
    /// Blocks that may have been on their way at once, and so reached the disk in any order: 8 buffers of 256 KiB.
    private static let inFlight = (8 * 256 << 10) / blockSize

    private let device: any BlockDevice
    /// Where its first block is, in bytes.
    private let start: UInt64
    private let blockCount: Int

    init(_ device: any BlockDevice, _ range: Range<UInt64>) {
        self.device = device
        start = range.lowerBound
        blockCount = Int((range.upperBound - range.lowerBound) / UInt64(Self.blockSize))
    }

    /// Clean only if the last record is complete and ends an unmount, or nothing was ever written.
    func state() throws(GuestError) -> LogState {
        guard let head = try head() else { return .clean }
        let window = try window(before: head)
        let count = window.count / Self.blockSize
        guard let index = (0..<count).last(where: { LogRecord(window, at: $0 * Self.blockSize) != nil }),
            let record = LogRecord(window, at: index * Self.blockSize)
        else { return .dirty("has no record where the last should be") }
        let content = index + record.headerBlocks
        guard content + record.contentBlocks == count else { return .dirty("ends with an incomplete record") }
        guard record.operationCount == 1, LogRecord.isUnmount(window, at: content * Self.blockSize) else {
            return .dirty("has changes that are not applied: the filesystem was not unmounted")
        }
        let last = Self.cycle(window, at: content * Self.blockSize)
        guard record.cycle == last else { return .dirty("ends with a record of two cycles") }
        return .clean
    }

    /// The block that would be written next; nil if none was ever written. ``blockCount`` if that is the first again.
    private func head() throws(GuestError) -> Int? {
        let first = try cycle(of: 0)
        let last = try cycle(of: blockCount - 1)
        guard first != 0 else { return last == 0 ? nil : 0 }
        // Blocks of this cycle are in front of the head.
        var head = blockCount
        if first != last {
            var range = 1..<blockCount - 1
            while !range.isEmpty {
                let middle = range.lowerBound + range.count / 2
                range =
                    try cycle(of: middle) == first ? middle + 1..<range.upperBound : range.lowerBound..<middle
            }
            head = range.lowerBound
        }
        return try firstGap(before: head, cycle: first)
    }

    /// Writes may not all have arrived: the head is where the first of those is missing that were on their way.
    private func firstGap(before head: Int, cycle first: UInt32) throws(GuestError) -> Int {
        let count = min(head, Self.inFlight)
        if count < Self.inFlight, head < blockCount, count < blockCount {
            // The last that were written before the ring began again are older by one, if they arrived. (In a log that was
            // never full that is 0.)
            let rest = min(Self.inFlight - count, blockCount - head)
            let window = try read(blockCount - rest, rest)
            let gap = (0..<rest).first { Self.cycle(window, at: $0 * Self.blockSize) &+ 1 != first }
            if let gap { return blockCount - rest + gap }
        }
        let window = try read(head - count, count)
        let gap = (0..<count).first { Self.cycle(window, at: $0 * Self.blockSize) != first }
        return gap.map { head - count + $0 } ?? head
    }

    /// The blocks in front of `head`, in the order in which they were written; as many as the longest record may take.
    private func window(before head: Int) throws(GuestError) -> [UInt8] {
        let count = min(head, LogRecord.maximumBlocks)
        let older = min(LogRecord.maximumBlocks - count, blockCount - head)
        return try read(blockCount - older, older) + read(head - count, count)
    }

    private func read(_ block: Int, _ count: Int) throws(GuestError) -> [UInt8] {
        try device.read(at: start + UInt64(block * Self.blockSize), count: count * Self.blockSize)
    }

    private func cycle(of block: Int) throws(GuestError) -> UInt32 {
        Self.cycle(try read(block, 1), at: 0)
    }

    private static func cycle(_ bytes: [UInt8], at offset: Int) -> UInt32 {
        let word = bytes.bigEndian(UInt32.self, at: offset)
        return word == LogRecord.magic ? bytes.bigEndian(UInt32.self, at: offset + 4) : word
    }
}
