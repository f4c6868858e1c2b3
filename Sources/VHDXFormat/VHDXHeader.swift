import ByteLayout
import DiskImage

/// One of the two headers.
struct VHDXHeader: Equatable {
    /// Where in the file it is.
    var position: UInt64
    /// The header with the higher number counts.
    var sequence: UInt64
    /// Changes with the content of the disk; a snapshot knows its parent by it.
    var dataWriteGUID: GUID
    /// What marks the entries of the log; zero if there is nothing to replay.
    var logGUID: GUID
    var logVersion: UInt16
    var version: UInt16
    /// The bytes of the file that are the log.
    var log: Range<UInt64>

    static let signature = Array("head".utf8)
    static let knownVersion: UInt16 = 1

    /// The header that counts.
    static func current(in file: ImageFile) throws(ImageError) -> VHDXHeader {
        var headers: [VHDXHeader] = []
        for position in VHDX.headerPositions {
            let bytes = try file.read(at: position, count: VHDX.headerLength, what: "VHDX header")
            if let header = VHDXHeader(bytes, position: position) { headers.append(header) }
        }
        guard let newest = headers.max(by: { $0.sequence < $1.sequence }) else {
            throw file.damaged("both headers of the VHDX are damaged", at: VHDX.headerPositions[0])
        }
        for var other in headers where other.sequence == newest.sequence {
            other.position = newest.position
            guard other == newest else {
                throw file.damaged("the headers of the VHDX are equally new, but differ", at: newest.position)
            }
        }
        try newest.validate(file: file)
        return newest
    }

    /// Nil if the signature or the checksum is wrong.
    init?(_ bytes: [UInt8], position: UInt64) {
        guard bytes.starts(with: Self.signature), bytes.hasChecksum(at: 4) else { return nil }
        self.position = position
        sequence = bytes.littleEndian(UInt64.self, at: 8)
        dataWriteGUID = GUID(bytes[32..<48])
        logGUID = GUID(bytes[48..<64])
        logVersion = bytes.littleEndian(UInt16.self, at: 64)
        version = bytes.littleEndian(UInt16.self, at: 66)
        let length = UInt64(bytes.littleEndian(UInt32.self, at: 68))
        let offset = bytes.littleEndian(UInt64.self, at: 72)
        log = offset..<(offset <= UInt64(Int64.max) ? offset + length : offset)
    }

    private func validate(file: ImageFile) throws(ImageError) {
        guard version == Self.knownVersion else {
            throw file.unsupported("VHDX version \(version) is not known", at: position + 66)
        }
        guard !log.isEmpty || logGUID != .zero else { return }
        guard log.lowerBound >= VHDX.headerSectionLength, log.lowerBound % VHDX.alignment == 0,
            UInt64(log.count) % VHDX.alignment == 0, !log.isEmpty
        else { throw file.damaged("the log is at an impossible place: byte \(log.lowerBound)", at: position + 68) }
    }
}

extension [UInt8] {
    /// Whether the four bytes at `field` are the CRC-32C of all bytes, themselves taken for zeros.
    func hasChecksum(at field: Int) -> Bool {
        var bytes = self
        bytes.replaceSubrange(field..<field + 4, with: [0, 0, 0, 0])
        return CRC32C.of(bytes) == littleEndian(UInt32.self, at: field)
    }
}
