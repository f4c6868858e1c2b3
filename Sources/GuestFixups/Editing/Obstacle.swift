/// What would keep a guest from working on KVM as it did, had it not been mended.
package struct Obstacle: Equatable, Sendable {
    /// Stable: scripts see the raw value.
    package enum Code: String, Sendable {
        /// A kernel has no drivers for virtio where it needs them to find its root.
        case driversMissing = "drivers-missing"
        /// A file names a device by what the old hardware calls it.
        case deviceName = "device-name"
        /// Nothing but the old hardware gives an interface its name.
        case interfaceName = "interface-name"
        /// A unit is started that has nothing to do there.
        case unwantedUnit = "unwanted-unit"
    }

    package var code: Code
    package var message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }
}
