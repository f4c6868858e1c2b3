/// A format that can be read: recognises its files, describes them, and maps them.
///
/// A reader's initializer validates the header and what `info` needs. What only prevents conversion (a missing backing
/// file, an unsupported feature) is thrown by ``makeMap()``, so that `info` still tells about such images.
package protocol ImageReader: SendableMetatype {
    static var format: ImageFormat { get }

    /// Whether this is no disk, but the description of a machine that may have several.
    static var describesMachine: Bool { get }

    /// Whether the content is, or was, an image of this format: a damaged header still counts if its magic is there.
    static func recognises(_ probe: ProbeData) -> Bool

    /// - Throws: ``ImageError`` with code `inputFormat` if this is another format, `inputDamaged`, `inputUnsupported`.
    init(file: ImageFile, opener: ImageOpener) throws(ImageError)

    var info: ImageInfo { get }

    /// The machine's hardware, if this is the description of one.
    var hardware: MachineHardware { get }

    /// The map of the current state of the disk.
    func makeMap() throws(ImageError) -> sending any DiskMap

    /// The disk, if it can only be read from its start to its end; nil if it has a map.
    func makeStream() throws(ImageError) -> (any DiskStream)?

    /// Opens the backing file or parent: the image that has what this one doesn't have. Nil if it needs none.
    func openParent() throws(ImageError) -> (any ImageReader)?

    /// The map of the disk as it was when an internal snapshot was taken.
    /// - Throws: `invalidOption` if there is no such snapshot.
    func makeMap(of snapshot: SnapshotSelector) throws(ImageError) -> sending any DiskMap
}

extension ImageReader {
    package static var describesMachine: Bool { false }

    package var hardware: MachineHardware { MachineHardware() }

    package func makeStream() throws(ImageError) -> (any DiskStream)? { nil }

    /// Most formats have no parents.
    package func openParent() throws(ImageError) -> (any ImageReader)? { nil }

    /// Most formats have no internal snapshots.
    package func makeMap(of snapshot: SnapshotSelector) throws(ImageError) -> sending any DiskMap {
        throw ImageError(
            .invalidOption, "images of the format \(Self.format.rawValue) have no internal snapshots",
            advice: "leave out -l", path: info.filename)
    }
}

/// What formats look at to recognise themselves.
package struct ProbeData {
    /// The first bytes of the file, at most ``prefixLength``.
    package let prefix: [UInt8]
    /// The last bytes of the file, at most ``suffixLength``.
    package let suffix: [UInt8]
    /// The size of the file in bytes.
    package let fileSize: UInt64

    /// Enough for every magic and for the part of a text descriptor in which something must be recognisable.
    package static let prefixLength = 65536
    /// A footer.
    package static let suffixLength = 512

    /// What a stream tells before it is read: its start.
    package init(prefix: [UInt8]) {
        self.prefix = prefix
        suffix = []
        fileSize = .max
    }

    /// What a stream tells at its end.
    package init(suffix: [UInt8], fileSize: UInt64) {
        prefix = []
        self.suffix = suffix
        self.fileSize = fileSize
    }

    package init(file: ImageFile) throws(ImageError) {
        prefix = try file.readPrefix(Self.prefixLength)
        suffix = try file.readSuffix(Self.suffixLength)
        fileSize = file.size
    }

    /// Whether the bytes at `offset` are the ASCII text or bytes `signature`.
    package func has(_ signature: [UInt8], at offset: Int = 0) -> Bool {
        prefix.count >= offset + signature.count && prefix[offset..<offset + signature.count].elementsEqual(signature)
    }
}
