extension Extent {
    /// Whether a layer says anything about the run, be it that it is zero.
    package var isPresent: Bool { content != .zero || zeroOrigin != .absent }

    /// Whether the image's tables say that data is stored, though it may be a hole.
    package var isData: Bool { content != .zero || zeroOrigin == .hole }

    /// Where the run has its place; nil if it has none or is compressed.
    package var place: FilePlace? {
        if case .data(let file, let offset) = content { return FilePlace(file: file, offset: offset) }
        return unusedPlace
    }
}
