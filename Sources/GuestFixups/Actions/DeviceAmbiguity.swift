/// What the names in a guest's files tell of its disks: names that depend on hardware can be understood only as long as no two
/// of them may mean the same disk.
struct DeviceAmbiguity {
    /// Kinds of disks that were met: SCSI, IDE and NVMe disks are counted each on their own.
    private var drivers: Set<String> = []
    /// Disks by the kind of their identifiers: one disk may have an identifier of each kind.
    private var bases: [String: Set<String>] = [:]

    mutating func add(_ name: DeviceName) {
        switch name.kind {
        case .disk(_, _, let driver): drivers.insert(driver)
        case .hardware(let base, _): bases[Self.kind(base), default: []].insert(base)
        case .uuid, .label, .partitionUUID, .partitionLabel, .mapper, .volume, .other: break
        }
    }

    func isAmbiguous(_ name: DeviceName) -> Bool {
        switch name.kind {
        case .disk: drivers.count > 1
        case .hardware(let base, _): (bases[Self.kind(base)] ?? []).count > 1
        case .uuid, .label, .partitionUUID, .partitionLabel, .mapper, .volume, .other: false
        }
    }

    /// `disk/by-id/scsi`, `disk/by-id/wwn`, `disk/by-path/pci`.
    private static func kind(_ base: String) -> String {
        let parts = base.split(separator: "/")
        return parts.dropLast().joined(separator: "/") + "/" + (parts.last?.prefix { $0 != "-" } ?? "")
    }
}
