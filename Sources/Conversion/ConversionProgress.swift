/// How far a conversion is.
public struct ConversionProgress: Sendable, Equatable {
    /// What it is doing.
    public enum Phase: String, Sendable, CaseIterable {
        /// Reading the source's metadata.
        case mapping
        /// Copying data.
        case copying
        /// Writing the last tables and waiting for the device.
        case finishing

        var number: Int { Self.allCases.firstIndex(of: self) ?? 0 }

        init(number: Int) { self = Self.allCases[number] }
    }

    /// What it is doing.
    public var phase: Phase
    /// Bytes of virtual disk copied so far; holes do not count.
    public var bytesDone: UInt64
    /// Bytes of virtual disk to copy; 0 while mapping, nil if only the end of the input will tell.
    public var bytesTotal: UInt64?

    /// From 0 to 1; 1 if there is nothing to copy, nil if only the end of the input will tell how much there is.
    public var fraction: Double? {
        if phase == .mapping { return 0 }
        return bytesTotal.map { $0 == 0 ? 1 : Double(bytesDone) / Double($0) }
    }
}
