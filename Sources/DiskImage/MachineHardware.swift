/// What the description of a virtual machine says of its hardware; nil where it doesn't tell. Nothing is checked: numbers may
/// be absurd, texts may be any.
package struct MachineHardware: Equatable, Sendable {
    /// What people call the machine.
    package var name: String?
    package var firmware: Firmware?
    package var processors: Int?
    /// Processors that share a socket.
    package var coresPerSocket: Int?
    /// Bytes.
    package var memory: UInt64?
    /// In the machine's order.
    package var networkAdapters: [NetworkAdapter] = []

    package init() {}
}
