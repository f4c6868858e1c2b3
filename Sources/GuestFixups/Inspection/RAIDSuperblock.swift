import ByteLayout
import GuestDisk

/// The superblock of md, Linux's software RAID, on a member of an array. Where it is depends on its version: 1.1 has it at the
/// start, 1.2 behind 4 KiB, and 1.0 and 0.90 at the end, so that each half of a mirror looks like what is mirrored. (The kernel's
/// include/uapi/linux/raid/md_p.h.)
enum RAIDSuperblock {
    private static let magic: [UInt8] = [0xFC, 0x4E, 0x2B, 0xA9]

    /// Whether `device` is a member of an array.
    /// - Parameter partitions: those that the device seems to have. At the end of a disk what the last one has may be where the
    ///   disk's own would be: version 0.90 does not tell, later ones do.
    static func isOn(
        _ device: any BlockDevice, partitions: [Range<UInt64>] = []
    ) throws(GuestError) -> Bool {
        guard device.size >= 128 << 10 else { return false }
        for place in [0, 4096, (device.size - 8192) & ~0xFFF] where try device.has(magic, at: place) {
            // Where it is itself, in sectors.
            let sector = try device.read(at: place + 144, count: 8).littleEndian(UInt64.self, at: 0)
            if try majorVersion(device, at: place) == 1, sector == place / 512 { return true }
        }
        let place = (device.size & ~0xFFFF) - 0x10000
        guard try device.has(magic, at: place), try majorVersion(device, at: place) == 0 else { return false }
        return !partitions.contains { $0.contains(place) }
    }

    private static func majorVersion(_ device: any BlockDevice, at place: UInt64) throws(GuestError) -> UInt32 {
        try device.read(at: place + 4, count: 4).littleEndian(UInt32.self, at: 0)
    }
}
