import ByteLayout
import DiskImage
import Digests

/// The file by which a segment of ours is known, the first in it, and what it was made for: the same segment needs not
/// be made twice.
struct SegmentMarker: Equatable {
    /// At the top, where no directory must be made for it.
    static let name = ".v2v-convert"
    /// To be raised with every change of what segments hold for the same request.
    private static let version = 1

    /// The content of the file.
    let text: String

    /// Reads the file's content; nil if it isn't one of ours.
    init?(content: [UInt8]) {
        text = String(decoding: content, as: UTF8.self)
        guard text.hasPrefix("v2v-convert ") else { return nil }
    }

    /// - Parameter content: the archive without the marker, in its complete form.
    init(of content: [UInt8]) {
        let digester = Digester(.sha256)
        // Safe: the bytes are read during the call only.
        unsafe content.withUnsafeBytes { unsafe digester.update($0) }
        let digits = digester.finish().bytes.map(\.hexadecimalDigits).joined()
        text = "v2v-convert \(Self.version) \(digits)\n"
    }
}
