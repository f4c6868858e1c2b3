import V2VConvert

/// What `measure` prints: what `qemu-img measure` does, and what that does not know, if there is any of it.
struct MeasureText: Encodable {
    private let result: ImageMeasurement.Result
    /// Whether the required size is known to be exact; nil where nobody would ask.
    private let isExact: Bool?

    /// - Parameters:
    ///   - isExact: the required size is exact, not only a bound.
    ///   - isCompressed: the output would be compressed.
    init(_ result: ImageMeasurement.Result, isExact: Bool, isCompressed: Bool) {
        self.result = result
        self.isExact = isExact || isCompressed ? isExact : nil
    }

    /// Lines for people.
    var human: String {
        var lines = ["required size: \(result.required)", "fully allocated size: \(result.fullyAllocated)"]
        if let bitmaps = result.bitmaps { lines.append("bitmaps size: \(bitmaps)") }
        if result.files.count > 1 {
            lines += result.files.map { file in
                "file: \(file.name), required \(file.required), fully allocated \(file.fullyAllocated)"
            }
        }
        if isExact == false {
            lines.append("note: the required size is a bound; --exact compresses the disk to tell more")
        }
        return lines.map { $0 + "\n" }.joined()
    }

    private enum Key: String, CodingKey {
        case required, bitmaps, files, exact, name
        case fullyAllocated = "fully-allocated"
    }

    func encode(to encoder: any Encoder) throws {
        var object = encoder.container(keyedBy: Key.self)
        try object.encode(result.required, forKey: .required)
        try object.encode(result.fullyAllocated, forKey: .fullyAllocated)
        try object.encodeIfPresent(result.bitmaps, forKey: .bitmaps)
        try object.encodeIfPresent(isExact, forKey: .exact)
        guard result.files.count > 1 else { return }
        var files = object.nestedUnkeyedContainer(forKey: .files)
        for file in result.files {
            var entry = files.nestedContainer(keyedBy: Key.self)
            try entry.encode(file.name, forKey: .name)
            try entry.encode(file.required, forKey: .required)
            try entry.encode(file.fullyAllocated, forKey: .fullyAllocated)
        }
    }
}
