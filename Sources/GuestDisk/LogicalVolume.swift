/// A volume of an LVM2 group.
package struct LogicalVolume {
    /// The name of its group.
    package let group: String
    package let name: String
    /// As it is stored: 32 characters without hyphens.
    package let uuid: String
    private let makeDevice: () throws(GuestError) -> LogicalVolumeDevice

    init(
        group: String, name: String, uuid: String, makeDevice: @escaping () throws(GuestError) -> LogicalVolumeDevice
    ) {
        self.group = group
        self.name = name
        self.uuid = uuid
        self.makeDevice = makeDevice
    }

    /// What device-mapper calls it: hyphens in names are doubled, and one is between them.
    package var mapperPath: String {
        "/dev/mapper/"
            + [group, name].map { $0.split(separator: "-", omittingEmptySubsequences: false).joined(separator: "--") }
            .joined(separator: "-")
    }

    /// Its content.
    /// - Throws: `unsupported` if it is no linear or striped volume, or partly on a disk that is not there; `damaged`.
    package func device() throws(GuestError) -> any BlockDevice { try makeDevice() }
}
