import ByteLayout
package import GuestDisk

/// What a partition, a volume or a disk without partitions holds.
package enum VolumeContent {
    case filesystem(any Filesystem)
    /// A filesystem of a type that we read, which can't be opened.
    case unusable(type: String, GuestError)
    case swap(SwapArea)
    case physicalVolume(PhysicalVolume)
    /// Something else that is recognised, as `blkid` calls it: crypto_LUKS, BitLocker, linux_raid_member, ntfs, zfs_member …
    case foreign(String, uuid: String?)
    case unknown

    /// Looks at `device`.
    /// - Throws: only `disk`.
    package static func of(_ device: any BlockDevice) throws(GuestError) -> VolumeContent {
        // First: what is encrypted or mirrored may look like what is in it, or have the remains of something.
        if let type = try ForeignSignature.type(of: device) {
            return .foreign(type, uuid: type == "crypto_LUKS" ? try ForeignSignature.uuidOfLUKS(device) : nil)
        }
        if let content = try physicalVolume(device) { return content }
        for (name, type) in FilesystemRegistry.types where try type.recognises(device) {
            do throws(GuestError) {
                return .filesystem(try type.init(device: device))
            } catch {
                try error.requireReadable()
                return .unusable(type: name, error)
            }
        }
        if let swap = try SwapArea(device) { return .swap(swap) }
        return .unknown
    }

    private static func physicalVolume(_ device: any BlockDevice) throws(GuestError) -> VolumeContent? {
        do throws(GuestError) {
            return try PhysicalVolume(device).map(VolumeContent.physicalVolume)
        } catch {
            try error.requireReadable()
            return .unusable(type: "LVM2_member", error)
        }
    }
}
