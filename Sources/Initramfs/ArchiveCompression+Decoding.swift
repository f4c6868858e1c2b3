extension ArchiveCompression {
    /// Whether archives so compressed are read: those that some distribution's tools have written by default.
    var isDecoded: Bool {
        self != .bzip2 && self != .lzo
    }

    /// Hands what the stream at the beginning of `input` decompresses to in pieces to `sink`. Not for `none`, which has
    /// no end of its own.
    /// - Returns: bytes of the stream: where the kernel looks for the next archive.
    func decode(
        _ input: ArraySlice<UInt8>, sink: (ArraySlice<UInt8>) throws(ArchiveProblem) -> Void
    ) throws(ArchiveProblem) -> Int {
        let codec: any ArchiveCodec
        switch self {
        case .gzip: codec = ZlibDecoder()
        case .zstd: codec = ZstdDecoder()
        case .xz: codec = LZMACodec.xzDecoder()
        case .lzma: codec = LZMACodec.lzmaDecoder()
        case .lz4: return try LZ4Legacy.decode(input, sink: sink)
        case .none, .bzip2, .lzo: preconditionFailure("\(self) is not decoded")
        }
        var stream = CodecStream(codec)
        let (consumed, isFinished) = try stream.run(over: input, sink: sink)
        guard isFinished else { throw ArchiveProblem("the file ends before the compressed data do") }
        return consumed
    }
}
