import DiskImage

/// The configuration of a machine of Proxmox VE: qm.conf(5).
struct ProxmoxConfiguration {
    let machine: VirtualMachine

    func text() throws(ImageError) -> String {
        let bus = machine.bus == .virtioBlock ? "virtio" : "scsi"
        var lines = [
            "name: \(machine.name.dnsLabel)", "ostype: l26", "machine: q35",
            "bios: \(machine.firmware == .uefi ? "ovmf" : "seabios")", "cpu: host", "sockets: \(machine.sockets)",
            "cores: \(machine.cores)", "memory: \(machine.memoryMiB)", "localtime: \(machine.isClockLocal ? 1 : 0)",
            "scsihw: virtio-scsi-pci",
        ]
        for (index, disk) in machine.disks.enumerated() {
            lines.append("\(bus)\(index): file=\(try value(disk.path)),format=\(disk.format.rawValue)")
        }
        lines.append("boot: order=\(bus)0")
        for (index, address) in machine.adapters.enumerated() {
            lines.append("net\(index): virtio\(address.map { "=\($0.uppercased())" } ?? ""),bridge=vmbr0")
        }
        lines += ["serial0: socket"]
        return lines.map { $0 + "\n" }.joined()
    }

    /// There is no way to quote what separates values or lines.
    private func value(_ path: String) throws(ImageError) -> String {
        guard path.isXMLText, !path.contains(where: { $0 == "," || $0.isNewline || $0 == "\t" }) else {
            throw ImageError(
                .invalidOption, "the configuration of a Proxmox machine can't name a file with a comma or a line's end",
                advice: "choose another name", path: path)
        }
        return path
    }
}
