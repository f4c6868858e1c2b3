import DiskImage

/// The `.mf` beside an OVF: a line `SHA256(disk1.vmdk)= 2c26b46b…` for each file of the machine, as it is stored.
///
/// Source of the facts: DMTF DSP0243, and manifests of VMware's and VirtualBox's tools, which differ in blanks.
struct Manifest {
    /// By the name of the file; of several algorithms the strongest.
    private(set) var digests: [String: ExpectedDigest] = [:]

    /// Longest manifest that is read, in bytes: 10,000 files.
    static let maximumLength: UInt64 = 2 << 20

    /// - Throws: `inputDamaged` if it can't be understood.
    init(file: ImageFile) throws(ImageError) {
        guard file.size <= Self.maximumLength else {
            throw file.damaged("a manifest of \(file.size) bytes is impossibly large")
        }
        let bytes = try file.read(at: 0, count: Int(file.size), what: "manifest")
        let lines = bytes.split(omittingEmptySubsequences: false) { $0 == 0x0A || $0 == 0x0D }
        for line in lines where line.contains(where: { $0 != 0x20 && $0 != 0x09 }) {
            guard let (name, digest) = Self.parse(String(lenient: line)) else {
                throw file.damaged(
                    "the manifest has a line that is no digest", at: UInt64(line.startIndex),
                    advice: "--ignore-manifest does without it")
            }
            if digest.bytes.count >= digests[name]?.bytes.count ?? 0 { digests[name] = digest }
        }
    }

    /// Splits `ALGORITHM(NAME)= HEX`; blanks around its parts are optional, the name may have parentheses.
    static func parse(_ line: String) -> (name: String, digest: ExpectedDigest)? {
        guard let open = line.firstIndex(of: "("), let equals = line.lastIndex(of: "="), open < equals,
            let close = line[..<equals].lastIndex(of: ")"), open < close,
            line[line.index(after: close)..<equals].allSatisfy(\.isWhitespace)
        else { return nil }
        let word = line[..<open].filter { !$0.isWhitespace && $0 != "-" }.uppercased()
        let digits = line[line.index(after: equals)...].filter { !$0.isWhitespace }
        guard let algorithm = ExpectedDigest.Algorithm(rawValue: word),
            let bytes = [UInt8](hexadecimal: digits), bytes.count == algorithm.length
        else { return nil }
        return (String(line[line.index(after: open)..<close]), ExpectedDigest(algorithm, bytes))
    }
}
