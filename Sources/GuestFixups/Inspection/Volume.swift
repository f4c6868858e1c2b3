package import GuestDisk

/// A place for a filesystem: a partition, a logical volume, or a disk without partitions.
package struct Volume {
    /// Where it is.
    package enum Place: Equatable {
        /// The whole disk, by its number from 0.
        case disk(Int)
        /// On the disk with that number.
        case partition(Int, Partition)
        case logical(group: String, name: String, mapperPath: String)
    }

    package var place: Place
    package var size: UInt64
    package var content: VolumeContent

    /// How reports call it: `disk 1`, `disk 1, partition 2`, `/dev/mapper/rhel-root`.
    package var name: String {
        switch place {
        case .disk(let disk): "disk \(disk + 1)"
        case .partition(let disk, let partition): "disk \(disk + 1), partition \(partition.number)"
        case .logical(_, _, let path): path
        }
    }

    package var filesystem: (any Filesystem)? {
        if case .filesystem(let filesystem) = content { return filesystem }
        return nil
    }

    /// As `/etc/fstab` has it behind `UUID=`.
    package var uuid: String? {
        switch content {
        case .filesystem(let filesystem): filesystem.identity.uuid
        case .swap(let swap): swap.uuid
        case .foreign(_, let uuid): uuid
        case .unusable, .physicalVolume, .unknown: nil
        }
    }

    /// As `/etc/fstab` has it behind `LABEL=`.
    package var label: String? {
        switch content {
        case .filesystem(let filesystem): filesystem.identity.label
        case .swap(let swap): swap.label
        case .unusable, .physicalVolume, .foreign, .unknown: nil
        }
    }

    /// What it holds, as `blkid` calls it; nil if that is unknown.
    package var type: String? {
        switch content {
        case .filesystem(let filesystem): filesystem.identity.type
        case .unusable(let type, _), .foreign(let type, _): type
        case .swap: "swap"
        case .physicalVolume: "LVM2_member"
        case .unknown: nil
        }
    }
}
