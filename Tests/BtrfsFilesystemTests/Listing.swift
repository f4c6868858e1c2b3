import ByteLayout
import BtrfsFilesystem
import CZlib
import GuestDisk
import Testing

/// What is in a filesystem: what each file is, by its path, both written in hexadecimal digits.
typealias Listing = [String: String]

/// The listing that `filesystem` gives of what is below `top`.
/// - Parameter isSound: that what is listed is found by its name, too.
func listing(
    _ filesystem: BtrfsFilesystem, below top: FileID, depth: Int = 16, isSound: Bool = true
) throws -> Listing {
    var listing = Listing()
    func visit(_ path: [UInt8], _ file: FileID, _ depth: Int) throws {
        let status = try filesystem.status(of: file)
        var content = ""
        switch status.kind {
        case .regular: content = checksum(try filesystem.readAll(file, limit: 1 << 24))
        case .symbolicLink: content = hexadecimal(try filesystem.readLink(file))
        default: break
        }
        let attributes = try filesystem.extendedAttributes(of: file).map { "\($0.name)=\(hexadecimal($0.value))" }
        listing[hexadecimal(path)] =
            "\(status.kind) \(String(status.permissions, radix: 8)) \(status.owner) \(status.group) \(status.size) "
            + "\(status.links) \(status.modified) \(content) " + attributes.joined(separator: ",")
        guard status.kind == .directory, depth > 0 else { return }
        var entries: [([UInt8], FileID)] = []
        try filesystem.forEachEntry(of: file) { name, file in
            entries.append((name, file))
            return true
        }
        for (name, entry) in entries {
            let found = try filesystem.lookUp(name, in: file)
            #expect(!isSound || found == entry)
            try visit(path + [0x2F] + name, entry, depth - 1)
        }
    }
    try visit([0x2E], top, depth)
    return listing
}

/// What Python's `zlib.crc32` tells, by the same library: ours takes its time in a debug build.
func checksum(_ bytes: [UInt8]) -> String {
    UInt32(crc32(0, bytes, UInt32(bytes.count))).hexadecimalDigits
}

func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map(\.hexadecimalDigits).joined()
}

/// Records in what two listings differ.
func expectSame(_ ours: Listing, _ theirs: Listing) {
    let differences = Set(ours.keys).union(theirs.keys).filter { ours[$0] != theirs[$0] }.sorted()
        .map { "\($0): \(ours[$0] ?? "missing"), should be \(theirs[$0] ?? "missing")" }
    #expect(differences == [], "\(differences.joined(separator: "\n"))")
}
