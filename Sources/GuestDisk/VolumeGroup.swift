import ByteLayout

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
    /// More than anyone has, and each is looked at.
    private static let maximumVolumes = 4096

    private struct Member {
        var device: any BlockDevice
        /// Where the first extent is, in bytes.
        var start: UInt64
    }

    /// The groups that `physical`, of all disks of the machine, make up.
    /// - Returns: also why others can't be used.
    package static func assemble(_ physical: [PhysicalVolume]) -> (groups: [VolumeGroup], warnings: [String]) {
        var warnings: [String] = []
        var newest: [String: (sequence: UInt64, name: String, section: LVMConfiguration)] = [:]
        for text in physical.flatMap(\.metadata) {
            var sections: [LVMConfiguration.Section] = []
            do throws(GuestError) {
                sections = try LVMConfiguration(text).sections
            } catch {
                warnings.append(error.message)
            }
            for section in sections {
                guard let uuid = section.content.text("id"), let sequence = section.content.number("seqno") else {
                    continue
                }
                if let known = newest[uuid], known.sequence >= sequence { continue }
                newest[uuid] = (sequence, section.name, section.content)
            }
        }
        var groups: [VolumeGroup] = []
        for group in newest.values.sorted(by: { $0.name < $1.name }) {
            do throws(GuestError) {
                groups.append(try VolumeGroup(name: group.name, group.section, physical))
            } catch {
                warnings.append(error.message)
            }
        }
        return (groups, warnings)
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
            let twins = physical.filter { $0.uuid == uuid }
            // The halves of a mirror that isn't seen as one, or a copy: to write to one of them would make them differ.
            guard twins.count <= 1 else {
                throw GuestError(.unsupported, "two devices are the same physical volume of the volume group \(name)")
            }
            if let found = twins.first, let start = volume.number("pe_start") {
                let (bytes, overflow) = start.multipliedReportingOverflow(by: Self.sectorSize)
                guard !overflow else { throw GuestError(.damaged, "a physical volume of \(name) starts nowhere") }
                members[entry.name] = Member(device: found.device, start: bytes)
            } else {
                missing.append(volume.text("device") ?? entry.name)
            }
        }
        self.missing = missing
        let extent = sectors * Self.sectorSize
        let all = section.section("logical_volumes")?.sections ?? []
        guard all.count <= Self.maximumVolumes else {
            throw GuestError(.unsupported, "the volume group \(name) has more than \(Self.maximumVolumes) volumes")
        }
        let snapshotted = Self.snapshotted(all)
        volumes = all.compactMap { entry in
            let volume = entry.content
            guard case .list(let status)? = volume.values["status"], status.contains(.text("VISIBLE")) else {
                return nil
            }
            return LogicalVolume(group: name, name: entry.name, uuid: Self.plain(volume.text("id") ?? "")) {
                () throws(GuestError) in
                guard !snapshotted.contains(entry.name) else {
                    throw GuestError(
                        .unsupported,
                        "the volume \(name)/\(entry.name) has snapshots, which would change with it; remove them first")
                }
                return try Self.device(volume, of: "\(name)/\(entry.name)", extent: extent, members)
            }
        }
    }

    /// The names of the volumes that have snapshots, or are some: each pair is a hidden volume with a segment that names both.
    private static func snapshotted(_ volumes: [LVMConfiguration.Section]) -> Set<String> {
        let segments = volumes.flatMap { $0.content.sections.map(\.content) }.filter { $0.text("type") == "snapshot" }
        return Set(
            segments.flatMap { segment in
                ["origin", "cow_store", "merging_store"].compactMap { segment.text($0) }
            })
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
            let end = try bytes(count, extent, name, from: start)
            // Striped evenly: no stripe has more than the whole.
            let share = (end - start).dividedUp(by: UInt64(stripes.count))
            guard stripes.allSatisfy({ $0.start <= $0.device.size && share <= $0.device.size - $0.start }) else {
                throw GuestError(.damaged, "a segment of the volume \(name) is not inside its physical volume")
            }
            runs.append(
                LogicalVolumeDevice.Run(
                    bytes: start..<end, stripes: stripes,
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
