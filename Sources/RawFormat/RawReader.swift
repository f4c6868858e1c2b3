package import DiskImage

/// A file or block device whose bytes are the disk.
package struct RawReader: ImageReader {
    package static let format = ImageFormat.raw
    private let file: ImageFile

    /// Never: content can't tell that it is raw. It is what remains when nothing else was recognised.
    package static func recognises(_ probe: ProbeData) -> Bool { false }

    package init(file: ImageFile, opener: ImageOpener) {
        self.file = file
    }

    package var info: ImageInfo {
        ImageInfo(
            filename: file.path, format: .raw, virtualSize: file.size, actualSize: file.allocatedSize)
    }

    package func makeMap() -> sending any DiskMap { RawMap(file: file) }
}
