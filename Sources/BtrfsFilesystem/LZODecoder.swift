/// Decompresses LZO1X, by the description of the stream in the kernel's documentation ("LZO stream format as understood by
/// Linux' LZO decompressor").
///
/// A stream is instructions, each of which copies bytes that were produced before ("match"), and then up to three bytes of
/// the stream ("literals"); how many is in the lowest two bits. An instruction below 16 means something else behind literals.
struct LZODecoder {
    private let source: ArraySlice<UInt8>
    private var position: Int
    private let limit: Int
    private var output: [UInt8] = []
    /// Literals that the last instruction has brought; 4 stands for four and more.
    private var literals = 0

    /// The stream is damaged, or there is more than fits.
    private struct Failure: Error {}

    /// What `source` decompresses to; nil if it is damaged, or that would be more than `limit` bytes.
    static func decode(_ source: ArraySlice<UInt8>, limit: Int) -> [UInt8]? {
        var decoder = LZODecoder(source, limit: limit)
        return (try? decoder.run()) == nil ? nil : decoder.output
    }

    private init(_ source: ArraySlice<UInt8>, limit: Int) {
        self.source = source
        self.limit = limit
        position = source.startIndex
    }

    private mutating func run() throws(Failure) {
        guard let first = source.first else { throw Failure() }
        if first > 17 {
            position += 1
            let count = Int(first) - 17
            try copyLiterals(count)
            literals = min(count, 4)
        }
        while try step() {}
    }

    /// Executes an instruction; false if it was the last.
    private mutating func step() throws(Failure) -> Bool {
        let code = Int(try byte())
        switch code {
        case 0...15 where literals == 0:
            try copyLiterals(3 + length(code & 15, 15))
            literals = 4
            return true
        case 0...15 where literals < 4:
            try match(distance: Int(byte()) << 2 + code >> 2 + 1, count: 2, then: code)
        case 0...15:
            try match(distance: Int(byte()) << 2 + code >> 2 + 2049, count: 3, then: code)
        case 16...31:
            let count = try 2 + length(code & 7, 7)
            let low = try word()
            let distance = (code & 8) << 11 + low >> 2
            // A match at distance 0 is the end.
            if distance == 0 { return false }
            try match(distance: distance + 16384, count: count, then: low)
        case 32...63:
            let count = try 2 + length(code & 31, 31)
            let low = try word()
            try match(distance: low >> 2 + 1, count: count, then: low)
        case 64...127:
            try match(distance: Int(byte()) << 3 + code >> 2 & 7 + 1, count: 3 + code >> 5 & 1, then: code)
        default:
            try match(distance: Int(byte()) << 3 + code >> 2 & 7 + 1, count: 5 + code >> 5 & 3, then: code)
        }
        return true
    }

    /// Copies `count` bytes from `distance` before the end of the output, and the literals that `state` tells.
    private mutating func match(distance: Int, count: Int, then state: Int) throws(Failure) {
        guard distance <= output.count, count <= limit - output.count else { throw Failure() }
        // One by one: a match may reach into what it produces.
        for _ in 0..<count { output.append(output[output.count - distance]) }
        literals = state & 3
        try copyLiterals(literals)
    }

    private mutating func copyLiterals(_ count: Int) throws(Failure) {
        guard count <= source.endIndex - position, count <= limit - output.count else { throw Failure() }
        output += source[position..<position + count]
        position += count
    }

    /// A length that is in the instruction, or, if its bits there are 0, in bytes behind it: 255 for each zero, and the first
    /// that isn't zero.
    private mutating func length(_ bits: Int, _ base: Int) throws(Failure) -> Int {
        guard bits == 0 else { return bits }
        var length = base
        while true {
            let next = try byte()
            guard next == 0 else { return length + Int(next) }
            length += 255
            guard length <= limit else { throw Failure() }
        }
    }

    private mutating func byte() throws(Failure) -> UInt8 {
        guard position < source.endIndex else { throw Failure() }
        defer { position += 1 }
        return source[position]
    }

    private mutating func word() throws(Failure) -> Int {
        let low = Int(try byte())
        return low | Int(try byte()) << 8
    }
}
