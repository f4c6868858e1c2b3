import DiskImage

/// A VirtualMachine of KubeVirt: https://kubevirt.io/api-reference/.
///
/// All texts in it that come from outside are labels, which need no quoting but quotes: a label may look like a number.
struct KubeVirtMachine {
    let machine: VirtualMachine

    func text() -> String {
        let label = machine.name.dnsLabel
        return """
            apiVersion: kubevirt.io/v1
            kind: VirtualMachine
            metadata:
              name: "\(label)"
            spec:
              runStrategy: Halted
              template:
                metadata:
                  labels:
                    kubevirt.io/domain: "\(label)"
                spec:
                  domain:
                    machine:
                      type: q35
                    cpu:
                      sockets: \(machine.sockets)
                      cores: \(machine.cores)
                    memory:
                      guest: \(machine.memoryMiB)Mi
                    clock:
                      utc: {}
                    firmware:
                      bootloader:
                        \(bootloader)
                    devices:
            \(transitional)          rng: {}
            \(list("          disks", machine.disks.indices.map(disk)))
            \(adapters)
            \(list("      volumes", machine.disks.indices.map { volume($0, label) }))

            """
    }

    private func list(_ key: String, _ items: [String]) -> String { "\(key):\n\(items.joined(separator: "\n"))" }

    /// A machine that names no adapter is given one, unless it says that it wants none.
    private var adapters: String {
        guard !machine.adapters.isEmpty else { return "          autoattachPodInterface: false" }
        return list("          interfaces", machine.adapters.enumerated().map(interface)) + "\n"
            + list("      networks", machine.adapters.indices.map(network))
    }

    /// Secure Boot is on where nothing is said, and needs a feature of the machine.
    private var bootloader: String {
        switch machine.firmware {
        case .bios: "bios: {}"
        case .uefi: "efi: {secureBoot: false}"
        }
    }

    private var transitional: String {
        machine.needsTransitionalDevices ? "          useVirtioTransitional: true\n" : ""
    }

    private func disk(_ index: Int) -> String {
        """
                    - name: disk-\(index + 1)
                      bootOrder: \(index + 1)
                      disk:
                        bus: \(machine.bus == .virtioBlock ? "virtio" : "scsi")
        """
    }

    /// The network of the pod can have one adapter, and it hides the guest's address: the others, and who needs that, are for
    /// networks of Multus.
    private func interface(_ index: Int, _ address: String?) -> String {
        let mac = address.map { "\n              macAddress: \"\($0)\"" } ?? ""
        return """
                        - name: nic-\(index + 1)
                          model: virtio\(mac)
                          \(index == 0 ? "masquerade" : "bridge"): {}
            """
    }

    private func network(_ index: Int) -> String {
        """
                - name: nic-\(index + 1)
                  \(index == 0 ? "pod: {}" : "multus: {networkName: nic-\(index + 1)}")
        """
    }

    private func volume(_ index: Int, _ label: String) -> String {
        """
                - name: disk-\(index + 1)
                  persistentVolumeClaim:
                    claimName: "\(index == 0 ? label : "\(label)-\(index + 1)")"
        """
    }
}
