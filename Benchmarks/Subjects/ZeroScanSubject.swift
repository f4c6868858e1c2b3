import ByteLayout
import Conversion

/// The scan for zeros of a chunk that has nothing else, so that every byte is looked at.
public struct ZeroScanSubject {
    private let chunk = [UInt8](repeating: 0, count: ConversionSettings.chunkSize)

    /// A chunk, 2 MiB.
    public init() {}

    /// Scans the chunk once.
    /// - Returns: whether it is zero, which it is.
    public func scan() -> Bool { ZeroScan.isZero(chunk) }
}
