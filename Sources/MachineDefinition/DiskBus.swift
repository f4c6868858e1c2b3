/// What a virtual machine's disks are attached to.
public enum DiskBus: String, Sendable, CaseIterable {
    /// A device for each disk: `/dev/vda`.
    case virtioBlock = "virtio-blk"
    /// One controller for all disks: `/dev/sda`.
    case virtioSCSI = "virtio-scsi"
}
