import Compression
import DiskImage
import RawFormat

/// Finds out what image comes out of a stream, like ``ImageProbe`` for files.
enum StreamProbe {
    /// Opens what comes out of `bytes` as `format`, or as what its content says. What is compressed is unpacked.
    static func open(
        _ bytes: any ByteStream, format: ImageFormat?, opener: ImageOpener
    ) throws(ImageError) -> any DiskStream {
        let path = bytes.path
        var stream = BufferedStream(bytes)
        var probe = ProbeData(prefix: try stream.peek(ProbeData.prefixLength))
        if format != .raw, GzipReader.recognises(probe) {
            stream = BufferedStream(GunzipStream(stream))
            probe = ProbeData(prefix: try stream.peek(ProbeData.prefixLength))
        }
        // Whoever was to send something has failed, most likely.
        guard !probe.prefix.isEmpty || format == .raw else {
            throw ImageError(
                .inputDamaged, "the input is empty", advice: "if it is a disk of no bytes, say so with -f raw",
                path: path)
        }
        guard let reader = try reader(of: probe, format, path: path) else {
            try ImageProbe.require(RawReader.self, fits: opener, path: path)
            return RawStream(stream) { suffix, size throws(ImageError) in
                // A fixed VHD is a raw disk but for its end.
                let end = ProbeData(suffix: suffix, fileSize: size)
                guard let reader = try self.reader(of: end, format, path: path) else { return }
                throw backAndForth(reader.format, path: path)
            }
        }
        try ImageProbe.require(reader, fits: opener, path: path)
        guard let reader = reader as? any StreamReader.Type else { throw backAndForth(reader.format, path: path) }
        return try reader.openStream(stream, opener: opener)
    }

    /// The format of what `probe` belongs to, nil for a raw disk.
    private static func reader(
        of probe: ProbeData, _ format: ImageFormat?, path: String
    ) throws(ImageError) -> (any ImageReader.Type)? {
        guard format != .raw else { return nil }
        if let reader = format.map({ FormatRegistry.reader(of: $0) }) ?? recognise(probe) { return reader }
        if let foreign = ForeignSignature.find(in: probe, path: path) {
            throw ImageError(
                .inputFormat, "this looks like \(foreign.description), not like a raw disk", advice: foreign.advice,
                path: path)
        }
        return nil
    }

    private static func recognise(_ probe: ProbeData) -> (any ImageReader.Type)? {
        FormatRegistry.readers.first { $0.recognises(probe) }
    }

    private static func backAndForth(_ format: ImageFormat, path: String) -> ImageError {
        ImageError(
            .inputUnsupported, "an image of the format \(format.rawValue) can't be read front to back",
            advice: "save it to a file, unpacked, and convert that", path: path)
    }
}
