import ByteLayout
import DiskImage

/// A footer, or the copy of it at the start of the file: what makes a file a VHD. Nothing in it has been checked.
struct VHDFooter {
    enum Kind: UInt32 {
        case fixed = 2
        case dynamic = 3
        /// A dynamic disk over a parent.
        case differencing = 4
    }

    /// Bytes of a footer. Very old programs wrote one less.
    static let length = 512
    private static let shortLength = 511
    /// What ``dataOffset`` is where there is no dynamic header.
    static let noDataOffset = UInt64.max

    /// Where in the file it is.
    var position: UInt64
    var version: UInt32
    /// Byte offset of the dynamic header.
    var dataOffset: UInt64
    /// The program that wrote it, four characters.
    var creator: String
    /// Bytes of the disk.
    var currentSize: UInt64
    /// Leaves out the last sectors of the disk, or can't count all of a large one.
    var geometry: VHDGeometry
    var type: UInt32
    /// By which a child knows its parent.
    var identifier: [UInt8]
    /// Whether a machine was suspended with the disk.
    var isSavedState: Bool
    /// Whether the checksum is right.
    var isIntact: Bool

    var kind: Kind? { Kind(rawValue: type) }

    /// The footer that starts at `bytes[offset]`, byte `position` of the file; nil without its cookie.
    init?(_ bytes: [UInt8], at offset: Int = 0, position: UInt64) {
        var footer = Array(bytes[offset...].prefix(Self.length))
        guard footer.count >= Self.shortLength, footer.starts(with: VHD.cookie) else { return nil }
        // The byte that short ones lack is reserved and zero.
        if footer.count < Self.length { footer.append(0) }
        self.position = position
        version = footer.bigEndian(UInt32.self, at: 12)
        dataOffset = footer.bigEndian(UInt64.self, at: 16)
        creator = String(decoding: footer[28..<32].map { (0x20...0x7E).contains($0) ? $0 : 0x20 }, as: UTF8.self)
        currentSize = footer.bigEndian(UInt64.self, at: 48)
        geometry = VHDGeometry(
            cylinders: footer.bigEndian(UInt16.self, at: 56), heads: footer[58], sectorsPerTrack: footer[59])
        type = footer.bigEndian(UInt32.self, at: 60)
        identifier = Array(footer[68..<84])
        isSavedState = footer[84] != 0
        isIntact = footer.bigEndian(UInt32.self, at: 64) == VHD.checksum(footer, field: 64)
    }

    /// The footer at the end of a file of `fileSize` bytes whose last sector is `suffix`.
    static func last(in suffix: [UInt8], fileSize: UInt64) -> VHDFooter? {
        for length in [length, shortLength] where suffix.count >= length {
            let start = suffix.count - length
            if let footer = VHDFooter(suffix, at: start, position: fileSize - UInt64(length)) { return footer }
        }
        return nil
    }

    /// Why the footer of a file of `fileSize` bytes can't be right, nil if it can.
    func contradiction(fileSize: UInt64) -> String? {
        guard version >> 16 == VHD.majorVersion else { return "its version is 0x\(String(version, radix: 16))" }
        guard currentSize <= UInt64(Int64.max) else { return "its disk has \(currentSize) bytes" }
        switch kind {
        case nil:
            return "its type is \(type)"
        case .fixed:
            return currentSize <= position ? nil : "its disk has \(currentSize) bytes, the file only \(position)"
        case .dynamic, .differencing:
            let room = UInt64(VHD.dynamicHeaderLength)
            let fits = dataOffset <= fileSize && fileSize - dataOffset >= room
            return fits ? nil : "its dynamic header is at byte \(dataOffset)"
        }
    }

    /// Whether it differs from `other` in what makes up the disk.
    func contradicts(_ other: VHDFooter) -> Bool {
        (type, dataOffset, currentSize) != (other.type, other.dataOffset, other.currentSize)
            || identifier != other.identifier
    }
}
