import ByteLayout

/// Reads archives that come in pieces, by the rules of the kernel's `unpack_to_rootfs` (init/initramfs.c): members
/// follow each other with any number of zeros between, each begins at a multiple of 4, a trailer ends nothing.
struct CPIOParser {
    private enum State {
        /// Between members.
        case rest
        case header
        case name(CPIOHeader)
        /// The content of a member.
        case content(CPIOEntry, left: Int)
    }

    private var state = State.rest
    /// What has been read of a header, a name, or a content that is kept.
    private var collected: [UInt8] = []
    /// Bytes since the archive began; less than 2^63, as they have all been in memory.
    private var position: Int
    /// Whether a trailer ends what is read: then archives that follow each other are told apart.
    private let stopsAtTrailer: Bool
    private var hasStopped = false
    /// Where the last member ended, with its padding.
    private(set) var end = 0
    /// Zeros to skip before the next state.
    private var padding = 0
    private let keepsContent: (CPIOEntry) -> Bool
    private let onEntry: (CPIOEntry, [UInt8]?) throws(ArchiveProblem) -> Void

    /// Contents of more bytes are never kept.
    static let maximumContent = 64 << 10

    /// - Parameters:
    ///   - position: bytes of the same stream before.
    ///   - keepsContent: whether `onEntry` gets the content of a regular file.
    ///   - onEntry: hears every member but trailers when all of it has been read.
    init(
        position: Int = 0, stopsAtTrailer: Bool = false, keepsContent: @escaping (CPIOEntry) -> Bool,
        onEntry: @escaping (CPIOEntry, [UInt8]?) throws(ArchiveProblem) -> Void
    ) {
        self.position = position
        self.stopsAtTrailer = stopsAtTrailer
        self.keepsContent = keepsContent
        self.onEntry = onEntry
    }

    /// Whether the archive may end here. Padding at its end may be missing: nothing follows that needs it.
    var isAtRest: Bool {
        if case .rest = state { true } else { false }
    }

    /// Reads on.
    /// - Returns: how many of `bytes` were read: all, unless something that is no member follows one.
    mutating func read(_ bytes: ArraySlice<UInt8>) throws(ArchiveProblem) -> Int {
        var rest = bytes
        while !rest.isEmpty {
            if padding > 0 {
                skip(min(padding, rest.count), of: &rest)
                continue
            }
            switch state {
            case .rest:
                guard !hasStopped else { return bytes.count - rest.count }
                let zeros = rest.prefix { $0 == 0 }.count
                if zeros > 0 {
                    advance(zeros, of: &rest)
                } else if rest.first == CPIO.magics[0][0], position % 4 == 0 {
                    state = .header
                } else {
                    return bytes.count - rest.count
                }
            case .header:
                guard collect(CPIO.headerLength, of: &rest) else { break }
                state = .name(try CPIOHeader(takeCollected()))
            case .name(let header):
                guard collect(header.nameLength, of: &rest) else { break }
                try begin(header, name: takeCollected())
            case .content(let entry, let left):
                try readContent(of: entry, left: left, &rest)
            }
        }
        return bytes.count
    }

    /// Goes on to the content of a member, if it has any.
    private mutating func begin(_ header: CPIOHeader, name: [UInt8]) throws(ArchiveProblem) {
        guard name.last == 0 else { throw ArchiveProblem("a name does not end") }
        var entry = header.entry
        entry.name = String(decoding: name.prefix { $0 != 0 }, as: UTF8.self)
        align()
        if entry.size > 0 {
            state = .content(entry, left: Int(entry.size))
        } else {
            try end(entry)
        }
    }

    private mutating func readContent(
        of entry: CPIOEntry, left: Int, _ rest: inout ArraySlice<UInt8>
    ) throws(ArchiveProblem) {
        let count = min(left, rest.count)
        if keeps(entry) { collected += rest.prefix(count) }
        advance(count, of: &rest)
        guard count == left else {
            state = .content(entry, left: left - count)
            return
        }
        align()
        try end(entry)
    }

    private mutating func end(_ entry: CPIOEntry) throws(ArchiveProblem) {
        state = .rest
        end = position + padding
        let content = keeps(entry) ? takeCollected() : nil
        guard entry.name != CPIO.trailer else {
            hasStopped = stopsAtTrailer
            return
        }
        guard entry.kind == .symbolicLink else { return try onEntry(entry, content) }
        var link = entry
        link.linkTarget = String(decoding: content ?? [], as: UTF8.self)
        try onEntry(link, nil)
    }

    private func keeps(_ entry: CPIOEntry) -> Bool {
        entry.kind == .symbolicLink
            || entry.kind == .regular && entry.size <= Self.maximumContent && keepsContent(entry)
    }

    /// Collects up to `count` bytes; false as long as some are missing.
    private mutating func collect(_ count: Int, of rest: inout ArraySlice<UInt8>) -> Bool {
        let taken = min(count - collected.count, rest.count)
        collected += rest.prefix(taken)
        advance(taken, of: &rest)
        return collected.count == count
    }

    private mutating func takeCollected() -> [UInt8] {
        defer { collected = [] }
        return collected
    }

    private mutating func skip(_ count: Int, of rest: inout ArraySlice<UInt8>) {
        padding -= count
        advance(count, of: &rest)
    }

    private mutating func advance(_ count: Int, of rest: inout ArraySlice<UInt8>) {
        position += count
        rest.removeFirst(count)
    }

    private mutating func align() {
        padding = position.alignedUp(to: 4) - position
    }
}
