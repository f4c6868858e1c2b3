public import DiskImage

/// What is on the disks of a virtual machine. As JSON it is documented in docs/guests.md.
public struct GuestDescription: Sendable, Encodable {
    /// A disk, and how it is divided.
    public struct Disk: Sendable, Encodable {
        /// Bytes.
        public var size: UInt64
        /// `mbr` or `gpt`; nil if it isn't divided.
        public var partitionTable: String?
        /// Bytes of the sectors that the table counts in.
        public var sectorSize: UInt64?
        /// The MBR's signature or the GPT's GUID.
        public var identifier: String?

        private enum CodingKeys: String, CodingKey {
            case size
            case partitionTable = "partition-table"
            case sectorSize = "sector-size"
            case identifier
        }
    }

    /// A partition, a logical volume, or a disk that isn't divided.
    public struct Volume: Sendable, Encodable {
        /// `disk 1, partition 2`, `/dev/mapper/rhel-root`.
        public var name: String
        /// Bytes.
        public var size: UInt64
        /// As `blkid` calls it: ext4, xfs, swap, LVM2_member, crypto_LUKS …; nil if unknown.
        public var type: String?
        /// Of the filesystem or swap space.
        public var uuid: String?
        /// Of the filesystem or swap space.
        public var label: String?
        /// Of the partition, as `PARTUUID=` has it.
        public var partitionUUID: String?
        /// Why it can't be read, if it should be.
        public var problem: String?

        private enum CodingKeys: String, CodingKey {
            case name, size, type, uuid, label, problem
            case partitionUUID = "partition-uuid"
        }
    }

    /// An operating system.
    public struct System: Sendable, Encodable {
        /// The volume that has its root.
        public var root: String
        /// The btrfs subvolume, if its root is one.
        public var subvolume: String?
        /// `linux`.
        public var type = "linux"
        /// As os-release's `ID`; nil if nothing tells.
        public var distribution: String?
        /// As os-release's `VERSION_ID`.
        public var version: String?
        /// As os-release's `PRETTY_NAME`.
        public var name: String?
        /// `uefi` or `bios`.
        public var firmware: Firmware
        /// `grub2`, `grub1`, `systemd-boot`, `extlinux`; nil if none is known.
        public var bootloader: String?
        /// `dracut`, `initramfs-tools`, `mkinitrd`, `mkinitcpio`; nil if none is known.
        public var initramfsTool: String?
        /// What the machine's clock shows: `utc` or `localtime`.
        public var clock: String
        /// Installed kernels.
        public var kernels: [Kernel]
        /// Initramfs files for a rescue or a crash, which stay as they are.
        public var auxiliaryImages: [AuxiliaryImage]
        /// Ethernet interfaces that the configuration speaks of.
        public var interfaces: [Interface]
        /// What of hypervisors' own tools is installed: `open-vm-tools`, `vmware-tools`, `virtualbox-guest`, `xen-guest`,
        /// `hyperv-daemons`, `qemu-guest-agent`, `cloud-init`.
        public var tools: [String]

        private enum CodingKeys: String, CodingKey {
            case root, subvolume, type, distribution, version, name, firmware, bootloader, clock, kernels, interfaces
            case tools
            case initramfsTool = "initramfs-tool"
            case auxiliaryImages = "auxiliary-images"
        }
    }

    /// An installed kernel.
    public struct Kernel: Sendable, Encodable {
        /// As `uname -r` prints it.
        public var version: String
        /// Nil if only its modules are there.
        public var image: String?
        /// Nil if it has none.
        public var initramfs: String?
    }

    /// What would not work on KVM as it did.
    public struct Obstacle: Sendable, Encodable {
        /// Stable; those of what is not mended are the codes of ``FixupResult/Note``.
        public var code: String
        /// A sentence.
        public var message: String
        /// Whether a fixup mends it.
        public var mended: Bool
    }

    /// An initramfs that a kernel is not booted with as a rule.
    public struct AuxiliaryImage: Sendable, Encodable {
        /// As the guest sees it.
        public var path: String
        /// `rescue` or `kdump`.
        public var purpose: String
    }

    /// An Ethernet interface.
    public struct Interface: Sendable, Encodable {
        /// As the guest calls it.
        public var name: String
        /// Nil if nothing tells.
        public var address: String?
        /// Files that speak of it.
        public var sources: [String]
        /// Whether the guest gives it this name by its address.
        public var pinned: Bool
    }

    /// `uefi` or `bios`, by how the disks are divided.
    public var firmware: Firmware
    /// In the machine's order.
    public var disks: [Disk]
    /// In the order of the disks, then of the volume groups.
    public var volumes: [Volume]
    /// The first is the one that is fixed.
    public var systems: [System]
    /// What would not work on KVM as it did, of the system that is fixed.
    public internal(set) var obstacles: [Obstacle] = []
    /// What could not be read.
    public var warnings: [String]
}
