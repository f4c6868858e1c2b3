import DiskImage

/// A disk image that comes through a pipe: it can be read once, from its start to its end.
struct PipeReader: ImageReader {
    static let format = ImageFormat(rawValue: "pipe")
    private let stream: any DiskStream

    static func recognises(_ probe: ProbeData) -> Bool { false }

    init(file: ImageFile, opener: ImageOpener) throws(ImageError) {
        stream = try opener.openStream(FileStream(file), nil, opener)
    }

    init(_ stream: any DiskStream) {
        self.stream = stream
    }

    var info: ImageInfo { stream.info }

    func makeMap() throws(ImageError) -> sending any DiskMap {
        throw ImageError(
            .inputUnsupported, "what comes through a pipe can only be read front to back", advice: "save it to a file",
            path: stream.path)
    }

    func makeStream() -> (any DiskStream)? { stream }
}
