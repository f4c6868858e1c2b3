import ByteLayout
import DiskImage

/// Finds the footer of a stream-optimized extent: the header copy that knows where the grain directory is.
enum StreamFooter {
    private static let sector = Int(VMDK.sectorSize)
    private static let footerMarker: UInt32 = 3
    /// How far back from the end a footer is looked for: some tools append data or padding after the stream.
    private static let searchWindow: UInt64 = 1 << 20

    /// - Throws: `inputDamaged` if there is no footer in the last MiB: the stream was cut short.
    static func find(in file: ImageFile) throws(ImageError) -> SparseHeader {
        try SparseHeader(file: file, at: position(in: file))
    }

    /// Where the footer ends: the mark of the stream's end follows.
    static func end(in file: ImageFile) throws(ImageError) -> UInt64 {
        try position(in: file) + VMDK.sectorSize
    }

    private static func position(in file: ImageFile) throws(ImageError) -> UInt64 {
        let end = file.size.alignedDown(to: VMDK.sectorSize)
        let start = end - min(end, searchWindow)
        let bytes = try file.read(at: start, count: Int(end - start), what: "end of the stream")
        // The last footer wins: a footer is a header directly behind a footer marker.
        var position = bytes.count - 2 * sector
        while position >= 0 {
            if isMarker(bytes, at: position), bytes[(position + sector)...].starts(with: VMDK.sparseMagic) {
                return start + UInt64(position + sector)
            }
            position -= sector
        }
        throw file.damaged(
            "the stream-optimized VMDK has no footer: it is cut short", at: file.size, advice: "copy it again")
    }

    /// A footer marker: one sector follows (u64), size 0 (u32), type 3 (u32).
    private static func isMarker(_ bytes: [UInt8], at position: Int) -> Bool {
        bytes.littleEndian(UInt64.self, at: position) == 1 && bytes.littleEndian(UInt32.self, at: position + 8) == 0
            && bytes.littleEndian(UInt32.self, at: position + 12) == footerMarker
    }
}
