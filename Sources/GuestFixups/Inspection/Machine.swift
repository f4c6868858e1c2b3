package import GuestDisk

/// All disks of a virtual machine, and what is on them.
package struct Machine {
    package struct Disk {
        package var size: UInt64
        /// Nil if it has none.
        package var partitionTable: PartitionTable?
    }

    package private(set) var disks: [Disk] = []
    /// In the order of the disks and their partitions, then of the volume groups and their volumes.
    package private(set) var volumes: [Volume] = []
    /// What is wrong, though it didn't keep us from looking at the rest.
    package private(set) var warnings: [String] = []

    /// Looks at `devices`, the machine's disks in the order in which it has them.
    /// - Throws: only `disk`.
    package init(_ devices: [any BlockDevice]) throws(GuestError) {
        var physical: [PhysicalVolume] = []
        for (number, device) in devices.enumerated() {
            let table = try readTable(of: device, number)
            // The partitions on half of a mirror are those of the mirror.
            let isMember = try RAIDSuperblock.isOn(device, partitions: table?.partitions.map(\.bytes) ?? [])
            disks.append(Disk(size: device.size, partitionTable: isMember ? nil : table))
            for volume in try places(on: device, number) {
                add(volume)
                if case .physicalVolume(let found) = volume.content { physical.append(found) }
            }
        }
        try addGroups(physical)
    }

    /// Whether another volume has the filesystem's UUID: a copy, or the other half of a mirror.
    func hasTwin(_ volume: Volume) -> Bool {
        guard let uuid = volume.uuid else { return false }
        return volumes.count { $0.uuid == uuid } > 1
    }

    /// Whether the machine's memory is stored on a disk, to go on where it was: then nothing may be changed.
    var isHibernated: Bool {
        volumes.contains { if case .swap(let swap) = $0.content { swap.isHibernated } else { false } }
    }

    private mutating func add(_ volume: Volume) {
        volumes.append(volume)
        warnings += (volume.filesystem?.warnings ?? []).map { "\(volume.name): \($0)" }
    }

    private mutating func readTable(
        of device: any BlockDevice, _ number: Int
    ) throws(GuestError) -> PartitionTable? {
        do throws(GuestError) {
            let table = try PartitionTable.read(from: device)
            warnings += (table?.warnings ?? []).map { "disk \(number + 1): \($0)" }
            return table
        } catch {
            try error.requireReadable()
            warnings.append("disk \(number + 1): \(error)")
            return nil
        }
    }

    private mutating func places(on device: any BlockDevice, _ number: Int) throws(GuestError) -> [Volume] {
        guard let table = disks[number].partitionTable else {
            return [Volume(place: .disk(number), size: device.size, content: try .of(device))]
        }
        var found: [Volume] = []
        for partition in table.partitions {
            let place = Volume.Place.partition(number, partition)
            do throws(GuestError) {
                let slice = try DeviceSlice(device, partition.bytes)
                found.append(Volume(place: place, size: slice.size, content: try .of(slice)))
            } catch {
                try error.requireReadable()
                warnings.append("disk \(number + 1), partition \(partition.number): \(error)")
            }
        }
        return found
    }

    private mutating func addGroups(_ physical: [PhysicalVolume]) throws(GuestError) {
        let (groups, problems) = VolumeGroup.assemble(physical)
        warnings += problems
        for group in groups {
            if !group.missing.isEmpty {
                warnings.append(
                    "the volume group \(group.name) lacks physical volumes: \(group.missing.joined(separator: ", "))")
            }
            for volume in group.volumes {
                do throws(GuestError) {
                    let device = try volume.device()
                    add(
                        Volume(
                            place: .logical(group: group.name, name: volume.name, mapperPath: volume.mapperPath),
                            size: device.size, content: try .of(device)))
                } catch {
                    try error.requireReadable()
                    warnings.append(error.message)
                }
            }
        }
    }
}
