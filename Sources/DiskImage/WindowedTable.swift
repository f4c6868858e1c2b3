/// A table in a file, of which a window is in memory: a table of any length takes little.
package final class WindowedTable {
    /// Bytes of the window: one read for 8192 entries of 8 bytes.
    private static let windowLength = 65536

    private let source: any MetadataSource
    private let offset: UInt64
    private let entryLength: Int
    private let count: Int
    private let what: String
    /// The entries that are in memory.
    private var window: [UInt8] = []
    /// The number of the first of them.
    private var first = 0

    /// - Parameters:
    ///   - offset: where in `source` the table starts.
    ///   - entryLength: bytes of an entry, a power of two.
    ///   - count: its entries, all of which are inside the file.
    package init(source: any MetadataSource, offset: UInt64, entryLength: Int, count: Int, what: String) {
        self.source = source
        self.offset = offset
        self.entryLength = entryLength
        self.count = count
        self.what = what
    }

    /// Entry `index`, less than the count: bytes of the table, and where among them it starts.
    package func entry(_ index: Int) throws(ImageError) -> (bytes: [UInt8], offset: Int) {
        let within = (index - first) * entryLength
        if within >= 0, within < window.count { return (window, within) }
        let perWindow = Self.windowLength / entryLength
        first = index / perWindow * perWindow
        window = []
        window = try source.read(
            at: offset + UInt64(first * entryLength), count: min(perWindow, count - first) * entryLength, what: what)
        return (window, (index - first) * entryLength)
    }
}
