/// A range of the virtual disk that could not be read and became zeros.
public struct LostRange: Sendable, Equatable, Encodable {
    /// Byte of the virtual disk where it starts.
    public var start: UInt64
    /// Its bytes.
    public var length: UInt64
    /// Why its first bytes were lost, with file and offset.
    public var reason: String

    package init(start: UInt64, length: UInt64, reason: String) {
        self.start = start
        self.length = length
        self.reason = reason
    }

    package var end: UInt64 { start + length }
}
