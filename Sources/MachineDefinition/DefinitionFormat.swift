public import DiskImage

/// A way to write down a virtual machine so that something can boot it. See docs/definitions.md.
public enum DefinitionFormat: String, Sendable, CaseIterable {
    /// The XML of a libvirt domain: `virsh define`.
    case libvirt
    /// The YAML of a KubeVirt VirtualMachine: `kubectl apply`.
    case kubevirt
    /// A shell script that starts QEMU.
    case qemu
    /// The configuration of a Proxmox VE machine: /etc/pve/qemu-server/ID.conf.
    case proxmox

    /// Of files with such a definition.
    public var fileExtension: String {
        switch self {
        case .libvirt: "xml"
        case .kubevirt: "yaml"
        case .qemu: "sh"
        case .proxmox: "conf"
        }
    }

    /// The definition of `machine`.
    /// - Throws: `ImageError` with the code `invalidOption` if there can be none: for a disk whose name can't be written down in
    ///   this format, for instance.
    public func text(of machine: VirtualMachine) throws(ImageError) -> String {
        try machine.check()
        return switch self {
        case .libvirt: try LibvirtDomain(machine: machine).text()
        case .kubevirt: KubeVirtMachine(machine: machine).text()
        case .qemu: QEMUScript(machine: machine).text()
        case .proxmox: try ProxmoxConfiguration(machine: machine).text()
        }
    }
}
