/// The manifests in the package's resources; they are part of the program, which needs no files beside it.
enum BuiltInManifests {
    static let files: [(file: String, bytes: [UInt8])] = [
        ("linux-virtio.yaml", PackageResources.linux_virtio_yaml),
        ("linux-dracut.yaml", PackageResources.linux_dracut_yaml),
        ("linux-initramfs-tools.yaml", PackageResources.linux_initramfs_tools_yaml),
        ("linux-mkinitrd-suse.yaml", PackageResources.linux_mkinitrd_suse_yaml),
        ("linux-mkinitcpio.yaml", PackageResources.linux_mkinitcpio_yaml),
        ("linux-lvm-devices.yaml", PackageResources.linux_lvm_devices_yaml),
        ("linux-vmware-tools.yaml", PackageResources.linux_vmware_tools_yaml),
        ("linux-vmware-tools-upstart.yaml", PackageResources.linux_vmware_tools_upstart_yaml),
        ("linux-virtualbox.yaml", PackageResources.linux_virtualbox_yaml),
        ("linux-xen-tools.yaml", PackageResources.linux_xen_tools_yaml),
        ("linux-xen-console.yaml", PackageResources.linux_xen_console_yaml),
        ("linux-xorg.yaml", PackageResources.linux_xorg_yaml),
    ]
}
