import ByteLayout
import GuestDisk

/// A part of a file's content, and where it is.
struct FileExtent {
    enum Place {
        /// In the item itself.
        case inline([UInt8])
        /// `length` bytes at a logical address; 0 stands for a hole.
        case stored(address: UInt64, length: UInt64)
        /// Reserved, but not written yet: zeros.
        case reserved
    }

    var place: Place
    var compression: ExtentDecoder.Compression?
    /// Bytes of all that is stored, decompressed; the file may show a part only.
    var decodedLength: UInt64
    /// Where in it the part begins that the file shows.
    var skipped: UInt64
    /// Bytes of the file.
    var length: UInt64

    static let inlineHeaderLength = 21
    private static let storedLength = 53

    /// The item of an extent that has `content` in itself, like `item` in all else.
    static func inline(_ content: [UInt8], like item: [UInt8]) -> [UInt8] {
        var bytes = Array(item[..<inlineHeaderLength])
        bytes.storeLittleEndian(UInt64(content.count), at: 8)
        // Not compressed.
        bytes[16] = 0
        return bytes + content
    }

    init(_ bytes: [UInt8]) throws(GuestError) {
        let damaged = GuestError(.damaged, "an extent of a file is damaged")
        guard bytes.count >= Self.inlineHeaderLength else { throw damaged }
        guard bytes[17] == 0, bytes.littleEndian(UInt16.self, at: 18) == 0 else {
            throw GuestError(.unsupported, "an extent of a file is encrypted or encoded, which can't be read")
        }
        decodedLength = bytes.littleEndian(UInt64.self, at: 8)
        switch bytes[16] {
        case 0: compression = nil
        case 1: compression = .zlib
        case 2: compression = .lzo
        case 3: compression = .zstd
        default: throw GuestError(.unsupported, "a file has an unknown compression, \(bytes[16])")
        }
        if bytes[20] == 0 {
            let content = Array(bytes[Self.inlineHeaderLength...])
            place = .inline(content)
            skipped = 0
            length = compression == nil ? UInt64(content.count) : decodedLength
            return
        }
        guard bytes.count >= Self.storedLength, bytes[20] <= 2 else { throw damaged }
        place =
            bytes[20] == 2
            ? .reserved
            : .stored(
                address: bytes.littleEndian(UInt64.self, at: 21), length: bytes.littleEndian(UInt64.self, at: 29))
        skipped = bytes.littleEndian(UInt64.self, at: 37)
        length = bytes.littleEndian(UInt64.self, at: 45)
    }
}
