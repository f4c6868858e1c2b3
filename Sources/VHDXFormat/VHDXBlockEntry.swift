/// An entry of the block allocation table, for a block of the disk or of the sector bitmap.
struct VHDXBlockEntry {
    let rawValue: UInt64

    /// Bytes of an entry.
    static let length = 8

    enum State: UInt64 {
        /// The parent's; zero if there is none.
        case notPresent = 0
        /// Anything; zero.
        case undefined = 1
        case zero = 2
        /// Given back by the guest; zero.
        case unmapped = 3
        /// What drafts of the format had for ``unmapped``.
        case formerlyUnmapped = 5
        case present = 6
        /// Sectors whose bit is set are here, the others are the parent's.
        case partiallyPresent = 7
    }

    /// Nil for 4, which nothing has, and for reserved bits.
    var state: State? { rawValue & 0xFFFF8 == 0 ? State(rawValue: rawValue & 7) : nil }

    /// An entry of a block in `state`.
    /// - Parameter hostOffset: where in the file the block is, if it is: whole MiB.
    init(_ state: State, at hostOffset: UInt64 = 0) {
        rawValue = hostOffset | state.rawValue
    }

    init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// Where in the file the block is.
    var hostOffset: UInt64 { rawValue & ~0xFFFFF }
}
