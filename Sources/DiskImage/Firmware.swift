/// What a machine boots by.
public enum Firmware: String, Sendable, Encodable {
    /// A PC's BIOS.
    case bios
    /// UEFI.
    case uefi
}
