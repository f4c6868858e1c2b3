import ByteLayout

/// A file whose structures are too far apart for libFuzzer, as pieces: each is its place in units of 64 KiB, its length
/// (both of two bytes, little-endian) and its bytes. The file has whole MiB, and zeros between the pieces.
struct ScatteredInput {
    private(set) var pieces: [(offset: Int, bytes: [UInt8])] = []

    private static let unit = 64 << 10
    private static let alignment = 1 << 20
    /// Where the checksums of VHDX may be: at what every structure starts at a multiple of.
    private static let step = 4096
    /// Longest entry of a log that gets its checksum.
    private static let maximumEntry = 128 << 10

    init(_ input: some Collection<UInt8>) {
        let bytes = Array(input)
        var position = 0
        while position + 4 <= bytes.count {
            let offset = Int(bytes.littleEndian(UInt16.self, at: position)) * Self.unit
            let end = min(bytes.count, position + 4 + Int(bytes.littleEndian(UInt16.self, at: position + 2)))
            pieces.append((offset, Array(bytes[position + 4..<end])))
            position = end
        }
    }

    /// Bytes of the file.
    var length: Int { (pieces.map { $0.offset + $0.bytes.count }.max() ?? 0).alignedUp(to: Self.alignment) }

    /// No mutation would get past a CRC-32C: every header, region table and entry of the log gets the right one.
    mutating func mendVHDXChecksums() {
        for index in pieces.indices {
            for start in stride(from: 0, to: pieces[index].bytes.count - 11, by: Self.step) {
                guard var checked = Self.checkedBytes(pieces[index].bytes, at: start) else { continue }
                checked.storeLittleEndian(UInt32(0), at: 4)
                pieces[index].bytes.storeLittleEndian(CRC32C.of(checked), at: start + 4)
            }
        }
    }

    /// The bytes from `start` that a checksum covers, nil if no such structure starts there.
    private static func checkedBytes(_ bytes: [UInt8], at start: Int) -> [UInt8]? {
        let lengths = ["head": step, "regi": unit, "loge": Int(bytes.littleEndian(UInt32.self, at: start + 8))]
        let signature = String(decoding: bytes[start..<start + 4], as: UTF8.self)
        guard let length = lengths[signature], (12...maximumEntry).contains(length) else { return nil }
        let there = bytes[start...].prefix(length)
        return there + [UInt8](repeating: 0, count: length - there.count)
    }
}
