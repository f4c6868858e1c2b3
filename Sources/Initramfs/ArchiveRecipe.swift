/// A way to compress an archive.
enum ArchiveRecipe: Equatable {
    case none
    case gzip(level: Int)
    case zstd(level: Int)
    case xz(preset: UInt32, x86: Bool)
    case lz4

    var compression: ArchiveCompression {
        switch self {
        case .none: .none
        case .gzip: .gzip
        case .zstd: .zstd
        case .xz: .xz
        case .lz4: .lz4
        }
    }

    /// Compresses a stream; nil for what is no stream.
    private func codec() -> (any ArchiveCodec)? {
        switch self {
        case .none, .lz4: nil
        case .gzip(let level): ZlibEncoder(level: level)
        case .zstd(let level): ZstdEncoder(level: level)
        case .xz(let preset, let x86): LZMACodec.xzEncoder(preset: preset, x86: x86)
        }
    }

    /// Compresses `content`.
    func encode(_ content: [UInt8]) -> [UInt8] {
        if self == .lz4 { return LZ4Legacy.encode(content) }
        let encoded = try? encode { (sink) throws(ArchiveProblem) in try sink(content[...]) }
        guard let encoded else { preconditionFailure("an encoder does not fail") }
        return encoded
    }

    /// Compresses what `source` hands over piece by piece.
    /// - Parameter limit: bytes that the result may have.
    /// - Returns: nil if it would have more.
    func encode(
        limit: Int = .max,
        _ source: (_ sink: (ArraySlice<UInt8>) throws(ArchiveProblem) -> Void) throws(ArchiveProblem) -> Void
    ) throws(ArchiveProblem) -> [UInt8]? {
        var stream = codec().map(CodecStream.init)
        var output: [UInt8] = []
        if limit < .max { output.reserveCapacity(limit) }
        var isTooLarge = false
        func append(_ piece: ArraySlice<UInt8>) throws(ArchiveProblem) {
            isTooLarge = piece.count > limit - output.count
            if isTooLarge { throw ArchiveProblem("the archive would have more than \(limit) bytes") }
            output += piece
        }
        do {
            try source { (piece) throws(ArchiveProblem) in
                if try stream?.run(over: piece, sink: append) == nil { try append(piece) }
            }
            _ = try stream?.run(over: [], isLast: true, sink: append)
        } catch {
            if isTooLarge { return nil }
            throw error
        }
        return output
    }
}
