import ByteLayout
package import GuestDisk

/// FAT12, FAT16 and FAT32 with long names (VFAT): EFI system partitions.
///
/// A file is known by the place of its short entry on the device, counted in entries; the root, which has none, by 0. What
/// FAT doesn't store is as Linux shows it with its default options and a umask of 022.
package final class FATFilesystem: Filesystem {
    let device: any BlockDevice
    let geometry: FATGeometry
    let table: AllocationTable
    package let identity: FilesystemIdentity
    /// Nothing is written once a system has noted that the disk has failed it.
    package let writability: Writability
    package let root = FileID(0)

    /// The chain of clusters that was followed last.
    var latestRuns: (first: UInt32, runs: [ClusterRun])?
    /// What went wrong halfway through a change; nothing is written any more.
    var failure: GuestError?

    package static func recognises(_ device: any BlockDevice) throws(GuestError) -> Bool {
        try FATGeometry.recognises(device)
    }

    package init(device: any BlockDevice) throws(GuestError) {
        self.device = device
        geometry = try FATGeometry(device)
        table = AllocationTable(device, geometry)
        writability = try table.hasNoErrors() ? .full : .none
        let root = try Self.rootDirectory(device, geometry, table)
        let uuid = geometry.serial.map { serial in
            let digits = serial.hexadecimalDigits.uppercased()
            return digits.prefix(4) + "-" + digits.suffix(4)
        }
        identity = FilesystemIdentity(type: "vfat", uuid: uuid.map { String($0) }, label: Self.label(root, geometry))
    }

    /// The label in the root directory, else that of the boot sector.
    private static func label(_ root: Directory, _ geometry: FATGeometry) -> String? {
        guard let stored = root.volumeLabel?.name.stored ?? geometry.label else { return nil }
        let name = stored.first == 0x05 ? [0xE5] + stored.dropFirst() : stored
        let end = name.lastIndex { $0 != 0x20 && $0 != 0 }.map { $0 + 1 } ?? 0
        let label = String(String.UnicodeScalarView(name[..<end].map { CodePage437.scalar($0) }))
        return label.isEmpty || label == "NO NAME" ? nil : label
    }
}
