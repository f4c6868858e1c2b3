import ByteLayout

/// A table that stands in front of what it points to, for writers: entries come in rising order, and a window of them is in
/// memory, which is written when the sequence has passed it.
package struct WindowedTableWriter<Entry: FixedWidthInteger & BitwiseCopyable> {
    private let offset: HostOffset
    private let count: Int
    private let isBigEndian: Bool
    private let absent: (Int) -> Entry
    /// The first entry that is not written yet, which the window starts with.
    private var first = 0
    private var window: [UInt8] = []

    private static var entryLength: Int { MemoryLayout<Entry>.size }
    /// Entries of a window: 64 KiB.
    private static var windowCount: Int { 65536 / entryLength }

    /// - Parameters:
    ///   - offset: where in file 0 the table is.
    ///   - absent: the entry, by its number, of what is not stored.
    package init(at offset: HostOffset, count: Int, isBigEndian: Bool, absent: @escaping (_ index: Int) -> Entry) {
        self.offset = offset
        self.count = count
        self.isBigEndian = isBigEndian
        self.absent = absent
        fillWindow()
    }

    /// Enters what is stored.
    package mutating func set(_ index: Int, to entry: Entry, output: any OutputSink) throws(ImageError) {
        precondition((first..<count).contains(index), "entries of a table come in rising order")
        while index >= first + Self.windowCount { try writeWindow(output: output) }
        store(entry, at: index)
    }

    /// Writes what is left.
    package mutating func finish(output: any OutputSink) throws(ImageError) {
        while first < count { try writeWindow(output: output) }
    }

    private mutating func writeWindow(output: any OutputSink) throws(ImageError) {
        try output.write(window, at: offset + UInt64(first * Self.entryLength))
        first += Self.windowCount
        fillWindow()
    }

    private mutating func fillWindow() {
        let entries = max(0, min(Self.windowCount, count - first))
        window = [UInt8](repeating: 0, count: entries * Self.entryLength)
        for index in first..<first + entries { store(absent(index), at: index) }
    }

    private mutating func store(_ entry: Entry, at index: Int) {
        let place = (index - first) * Self.entryLength
        if isBigEndian { window.storeBigEndian(entry, at: place) } else { window.storeLittleEndian(entry, at: place) }
    }
}
