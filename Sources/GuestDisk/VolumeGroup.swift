/// An LVM2 volume group: what its physical volumes are divided into.
package struct VolumeGroup {
    package let name: String
    /// As it is stored: 32 characters without hyphens.
    package let uuid: String
    /// In the order of the metadata, those that only LVM itself uses left out.
    package let volumes: [LogicalVolume]
    /// Physical volumes that are not there, by the names that the metadata has for them.
    package let missing: [String]

    /// LVM counts in these, whatever the device.
    private static let sectorSize: UInt64 = 512

    private struct Member {
        var device: any BlockDevice
        /// Where the first extent is, in bytes.
        var start: UInt64
    }

    /// The groups that `physical`, of all disks of the machine, make up.
    /// - Throws: `damaged` if the metadata of one can't be read.
    package static func assemble(_ physical: [PhysicalVolume]) throws(GuestError) -> [VolumeGroup] {
        var newest: [String: (sequence: UInt64, name: String, section: LVMConfiguration)] = [:]
        for text in physical.compactMap(\.metadata) {
            for section in try LVMConfiguration(text).sections {
                guard let uuid = section.content.text("id"), let sequence = section.content.number("seqno") else {
                    continue
                }
                if let known = newest[uuid], known.sequence >= sequence { continue }
                newest[uuid] = (sequence, section.name, section.content)
            }
        }
        var groups: [VolumeGroup] = []
        for group in newest.values.sorted(by: { $0.name < $1.name }) {
            groups.append(try VolumeGroup(name: group.name, group.section, physical))
        }
        return groups
    }

    private init(name: String, _ section: LVMConfiguration, _ physical: [PhysicalVolume]) throws(GuestError) {
        self.name = name
        uuid = Self.plain(section.text("id") ?? "")
        guard let sectors = section.number("extent_size"), sectors > 0, sectors <= 1 << 40 else {
            throw GuestError(.damaged, "the metadata of the volume group \(name) has no extent size")
        }
        var members: [String: Member] = [:]
        var missing: [String] = []
        for entry in section.section("physical_volumes")?.sections ?? [] {
            let volume = entry.content
            let uuid = Self.plain(volume.text("id") ?? "")
            if let found = physical.first(where: { $0.uuid == uuid }), let start = volume.number("pe_start") {
                let (bytes, overflow) = start.multipliedReportingOverflow(by: Self.sectorSize)
                guard !overflow else { throw GuestError(.damaged, "a physical volume of \(name) starts nowhere") }
                members[entry.name] = Member(device: found.device, start: bytes)
            } else {
                missing.append(volume.text("device") ?? entry.name)
            }
        }
        self.missing = missing
        let extent = sectors * Self.sectorSize
        volumes = (section.section("logical_volumes")?.sections ?? []).compactMap { entry in
            let volume = entry.content
            guard case .list(let status)? = volume.values["status"], status.contains(.text("VISIBLE")) else {
                return nil
            }
            return LogicalVolume(group: name, name: entry.name, uuid: Self.plain(volume.text("id") ?? "")) {
                () throws(GuestError) in
                try Self.device(volume, of: "\(name)/\(entry.name)", extent: extent, members)
            }
        }
    }

    private static func plain(_ uuid: String) -> String { uuid.filter { $0 != "-" } }

    private static func device(
        _ volume: LVMConfiguration, of name: String, extent: UInt64, _ members: [String: Member]
    ) throws(GuestError) -> LogicalVolumeDevice {
        var runs: [LogicalVolumeDevice.Run] = []
        for segment in volume.sections.map(\.content) where segment.number("extent_count") != nil {
            guard let first = segment.number("start_extent"), let count = segment.number("extent_count"),
                let type = segment.text("type")
            else { throw GuestError(.damaged, "a segment of the volume \(name) is incomplete") }
            guard type == "striped" else {
                throw GuestError(.unsupported, "the volume \(name) is of LVM's type \(type), which can't be read")
            }
            guard case .list(let list)? = segment.values["stripes"], !list.isEmpty, list.count % 2 == 0 else {
                throw GuestError(.damaged, "a segment of the volume \(name) has no stripes")
            }
            var stripes: [LogicalVolumeDevice.Stripe] = []
            for index in stride(from: 0, to: list.count, by: 2) {
                guard case .text(let key) = list[index], case .number(let start) = list[index + 1] else {
                    throw GuestError(.damaged, "a stripe of the volume \(name) is damaged")
                }
                guard let member = members[key] else {
                    throw GuestError(
                        .unsupported,
                        "the volume \(name) is partly on a disk that is not there; convert all disks at once")
                }
                stripes.append(
                    LogicalVolumeDevice.Stripe(
                        device: member.device, start: try bytes(start, extent, name, from: member.start)))
            }
            let start = try bytes(first, extent, name)
            runs.append(
                LogicalVolumeDevice.Run(
                    bytes: start..<(try bytes(count, extent, name, from: start)), stripes: stripes,
                    stripeSize: segment.number("stripe_size").map { $0.multipliedReportingOverflow(by: sectorSize).0 }
                        ?? extent))
        }
        return try LogicalVolumeDevice(runs, name: name)
    }

    /// `count` extents in bytes, behind `origin`.
    private static func bytes(
        _ count: UInt64, _ extent: UInt64, _ name: String, from origin: UInt64 = 0
    ) throws(GuestError) -> UInt64 {
        let (length, tooLong) = count.multipliedReportingOverflow(by: extent)
        let (end, tooFar) = length.addingReportingOverflow(origin)
        guard !tooLong, !tooFar else { throw GuestError(.damaged, "the volume \(name) has more bytes than there are") }
        return end
    }
}
