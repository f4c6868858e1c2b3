/// What an image's metadata says about it. Encodes to the JSON that `qemu-img info --output=json` prints, key for key
/// where that tool has the fact; `subformat` is an addition.
public struct ImageInfo: Sendable, Encodable {
    /// The path as given.
    public var filename: String
    /// The format's name.
    public var format: ImageFormat
    /// Which kind of the format: a VMDK createType, or a qcow2 `compat` level.
    public var subformat: String?
    /// Bytes of the virtual disk.
    public var virtualSize: UInt64
    /// Bytes of storage that the image's files occupy.
    public var actualSize: UInt64
    /// Bytes of a cluster or grain.
    public var clusterSize: UInt64?
    /// Whether the clusters or grains are encrypted.
    public var encrypted: Bool?
    /// Whether the image was not closed properly.
    public var dirty: Bool?
    /// The backing file or parent the image names.
    public var backingFilename: String?
    /// ``backingFilename`` as seen from here, where it is relative to the image.
    public var fullBackingFilename: String? {
        guard let backingFilename, !backingFilename.hasPrefix("/"), let slash = filename.lastIndex(of: "/") else {
            return backingFilename
        }
        return filename[...slash] + backingFilename
    }
    /// The format of the backing file, if the image says it.
    public var backingFormat: ImageFormat?
    /// The internal snapshots, in the image's order.
    public var snapshots: [SnapshotInfo]
    /// What only this format has, in the order in which it is shown.
    public var formatSpecific: [(key: String, value: InfoValue)]
    /// What a user should know about the image, though it does not prevent reading it.
    public var warnings: [String]

    package init(
        filename: String, format: ImageFormat, subformat: String? = nil, virtualSize: UInt64, actualSize: UInt64,
        clusterSize: UInt64? = nil, encrypted: Bool? = nil, dirty: Bool? = nil, backingFilename: String? = nil,
        backingFormat: ImageFormat? = nil, snapshots: [SnapshotInfo] = [],
        formatSpecific: [(key: String, value: InfoValue)] = [], warnings: [String] = []
    ) {
        self.filename = filename
        self.format = format
        self.subformat = subformat
        self.virtualSize = virtualSize
        self.actualSize = actualSize
        self.clusterSize = clusterSize
        self.encrypted = encrypted
        self.dirty = dirty
        self.backingFilename = backingFilename
        self.backingFormat = backingFormat
        self.snapshots = snapshots
        self.formatSpecific = formatSpecific
        self.warnings = warnings
    }

    /// Writes the object that `qemu-img info` would print.
    public func encode(to encoder: any Encoder) throws {
        var members: [(key: String, value: InfoValue)] = [
            ("virtual-size", .integer(virtualSize)), ("filename", .string(filename)),
        ]
        if let clusterSize { members.append(("cluster-size", .integer(clusterSize))) }
        members.append(("format", .string(format.rawValue)))
        if let subformat { members.append(("subformat", .string(subformat))) }
        members.append(("actual-size", .integer(actualSize)))
        if let encrypted, encrypted { members.append(("encrypted", .boolean(true))) }
        if let backingFilename { members.append(("backing-filename", .string(backingFilename))) }
        if let fullBackingFilename { members.append(("full-backing-filename", .string(fullBackingFilename))) }
        if let backingFormat { members.append(("backing-filename-format", .string(backingFormat.rawValue))) }
        if !snapshots.isEmpty { members.append(("snapshots", .list(snapshots.map(\.value)))) }
        if !formatSpecific.isEmpty {
            members.append(
                (
                    "format-specific",
                    .object([("type", .string(format.rawValue)), ("data", .object(formatSpecific))])
                ))
        }
        members.append(("dirty-flag", .boolean(dirty ?? false)))
        if !warnings.isEmpty { members.append(("warnings", .list(warnings.map { .string($0) }))) }
        try InfoValue.object(members).encode(to: encoder)
    }
}

/// A fact of one format's own: a small tree with ordered members.
public enum InfoValue: Sendable, Encodable {
    /// A text.
    case string(String)
    /// A count, size or identifier.
    case integer(UInt64)
    /// A yes or no.
    case boolean(Bool)
    /// Several values.
    case list([InfoValue])
    /// Named values in order.
    case object([(key: String, value: InfoValue)])

    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    /// Writes the value as the JSON value of its kind.
    public func encode(to encoder: any Encoder) throws {
        switch self {
        case .string(let text):
            var container = encoder.singleValueContainer()
            try container.encode(text)
        case .integer(let number):
            var container = encoder.singleValueContainer()
            try container.encode(number)
        case .boolean(let flag):
            var container = encoder.singleValueContainer()
            try container.encode(flag)
        case .list(let values):
            var container = encoder.unkeyedContainer()
            for value in values { try container.encode(value) }
        case .object(let members):
            var container = encoder.container(keyedBy: Key.self)
            for (key, value) in members { try container.encode(value, forKey: Key(stringValue: key)) }
        }
    }
}
