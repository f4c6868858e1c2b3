/// The modules by which a guest finds its disks and its network on KVM.
///
/// Their names are as old as the drivers (2.6.25; virtio_scsi: 3.4). What they are made of has changed, which
/// `modules.dep` knows: virtio and virtio_ring, virtio_pci_modern_dev since 5.12, virtio_pci_legacy_dev later,
/// net_failover since 4.18.
package enum VirtioModules {
    /// Without these it may not boot, or has no network.
    package static let required = ["virtio_pci", "virtio_blk", "virtio_scsi", "virtio_net", "sd_mod"]
    /// Welcome where they are: randomness for a young system.
    package static let optional = ["virtio_rng"]
}
