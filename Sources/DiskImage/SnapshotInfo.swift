/// A state of the disk that an image keeps beside the current one. Encodes to what `qemu-img info --output=json` lists.
public struct SnapshotInfo: Sendable, Equatable, Encodable {
    /// What tells it from the image's other snapshots; QEMU counts up from 1.
    public var id: String
    /// The name that it was given, which others may have too.
    public var name: String
    /// Bytes of the machine's saved state; 0 if only the disk was kept.
    public var vmStateSize: UInt64
    /// When it was taken: whole seconds since 1970, UTC.
    public var seconds: UInt32
    /// The nanoseconds of the second in which it was taken.
    public var nanoseconds: UInt32
    /// How long the machine had been running, in nanoseconds.
    public var clockNanoseconds: UInt64
    /// Instructions the machine had executed, if it counted them.
    public var instructionCount: UInt64?
    /// Bytes of the virtual disk.
    public var virtualSize: UInt64

    package init(
        id: String, name: String, vmStateSize: UInt64, seconds: UInt32, nanoseconds: UInt32, clockNanoseconds: UInt64,
        instructionCount: UInt64?, virtualSize: UInt64
    ) {
        self.id = id
        self.name = name
        self.vmStateSize = vmStateSize
        self.seconds = seconds
        self.nanoseconds = nanoseconds
        self.clockNanoseconds = clockNanoseconds
        self.instructionCount = instructionCount
        self.virtualSize = virtualSize
    }

    /// Writes the object that `qemu-img info` would print.
    public func encode(to encoder: any Encoder) throws { try value.encode(to: encoder) }

    var value: InfoValue {
        let nanosecondsPerSecond: UInt64 = 1_000_000_000
        var members: [(key: String, value: InfoValue)] = [
            ("id", .string(id)), ("name", .string(name)), ("vm-state-size", .integer(vmStateSize)),
            ("date-sec", .integer(UInt64(seconds))), ("date-nsec", .integer(UInt64(nanoseconds))),
            ("vm-clock-sec", .integer(clockNanoseconds / nanosecondsPerSecond)),
            ("vm-clock-nsec", .integer(clockNanoseconds % nanosecondsPerSecond)),
        ]
        if let instructionCount { members.append(("icount", .integer(instructionCount))) }
        return .object(members)
    }
}
