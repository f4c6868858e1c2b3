package import DiskImage

extension VMDKReader: StreamReader {
    package static func openStream(
        _ bytes: BufferedStream, opener: ImageOpener
    ) throws(ImageError) -> any DiskStream {
        try VMDKStream(bytes)
    }
}
