import ByteLayout
import Compression
import DiskImage

/// A disk image inside a gzip file. What it holds is read front to back; for anything else it must be unpacked.
struct GzipReader: ImageReader {
    static let format = ImageFormat(rawValue: "gzip")
    private let file: ImageFile
    private let opener: ImageOpener

    static func recognises(_ probe: ProbeData) -> Bool { probe.has(GunzipStream.magic) }

    init(file: ImageFile, opener: ImageOpener) {
        self.file = file
        self.opener = opener
    }

    var info: ImageInfo {
        var info = ImageInfo(filename: file.path, format: Self.format, virtualSize: 0, actualSize: file.allocatedSize)
        do throws(ImageError) {
            let inner = try opener.openStream(FileStream(file), nil, opener.unrecorded).info
            info.virtualSize = inner.virtualSize
            info.subformat = inner.subformat
            info.formatSpecific = [("content", .string(inner.format.rawValue))] + inner.formatSpecific
            if inner.format == .raw { info.formatSpecific.append(("size-known", .boolean(inner.virtualSize > 0))) }
            info.warnings = inner.warnings
        } catch {
            info.warnings.append("\(error)")
        }
        return info
    }

    func makeMap() throws(ImageError) -> sending any DiskMap {
        throw file.unsupported("a gzip file can only be read front to back", advice: "unpack it: gunzip -k")
    }

    func makeStream() throws(ImageError) -> (any DiskStream)? {
        try opener.openStream(FileStream(file), nil, opener)
    }
}
