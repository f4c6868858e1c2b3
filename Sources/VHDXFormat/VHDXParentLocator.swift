import ByteLayout
import DiskImage

/// What a snapshot says about its parent: names and values.
struct VHDXParentLocator {
    /// Its relative path, its path on its volume, its absolute path: what is there.
    var names: [String]
    /// The parent's data-write identifiers that fit.
    var linkages: [GUID]

    private static let headerLength = 20
    private static let entryLength = 12
    private static let vhdxType = GUID.known("B04AEFB7-D19E-4A81-B789-25B8E9445913")

    /// - Parameters:
    ///   - bytes: the item of the metadata, at least its header.
    ///   - position: where in the file it is.
    init(_ bytes: [UInt8], file: ImageFile, position: UInt64) throws(ImageError) {
        guard GUID(bytes[..<16]) == Self.vhdxType else {
            throw file.unsupported("the VHDX's parent is no VHDX", at: position)
        }
        let count = Int(bytes.littleEndian(UInt16.self, at: 18))
        func text(_ offset: UInt32, _ length: UInt16) throws(ImageError) -> String {
            guard UInt64(offset) + UInt64(length) <= UInt64(bytes.count) else {
                throw file.damaged("the parent's location is damaged", at: position)
            }
            let units = (0..<Int(length) / 2).map { bytes.littleEndian(UInt16.self, at: Int(offset) + $0 * 2) }
            return String(decoding: units.prefix { $0 != 0 }, as: UTF16.self)
        }
        guard Self.headerLength + count * Self.entryLength <= bytes.count else {
            throw file.damaged("the parent's location is damaged", at: position)
        }
        var values: [String: String] = [:]
        for index in 0..<count {
            let entry = Self.headerLength + index * Self.entryLength
            let key = try text(
                bytes.littleEndian(UInt32.self, at: entry), bytes.littleEndian(UInt16.self, at: entry + 8))
            values[key] = try text(
                bytes.littleEndian(UInt32.self, at: entry + 4), bytes.littleEndian(UInt16.self, at: entry + 10))
        }
        names = ["relative_path", "volume_path", "absolute_win32_path"].compactMap { values[$0] }.filter { !$0.isEmpty }
        linkages = ["parent_linkage", "parent_linkage2"].compactMap { values[$0].flatMap { GUID($0) } }
    }
}
