import DiskImage

/// A libvirt domain: https://libvirt.org/formatdomain.html.
struct LibvirtDomain {
    let machine: VirtualMachine

    func text() throws(ImageError) -> String {
        let disks = try machine.disks.enumerated().map { (number, disk) throws(ImageError) in
            try text(of: disk, number)
        }
        return """
            <domain type='kvm'>
              <name>\(machine.name.plainName.xmlEscaped)</name>
              <memory unit='MiB'>\(machine.memoryMiB)</memory>
              <vcpu>\(machine.sockets * machine.cores)</vcpu>
            \(operatingSystem)
              <features>
                <acpi/>
                <apic/>
              </features>
              <cpu mode='host-model'>
                <topology sockets='\(machine.sockets)' dies='1' cores='\(machine.cores)' threads='1'/>
              </cpu>
              <clock offset='\(machine.isClockLocal ? "localtime" : "utc")'/>
              <devices>
            \((disks + [controller].compactMap { $0 } + machine.adapters.map(adapter)).joined(separator: "\n"))
                <serial type='pty'/>
                <graphics type='vnc'/>
                <video>
                  <model type='vga'/>
                </video>
                <rng model='\(model)'>
                  <backend model='random'>/dev/urandom</backend>
                </rng>
              </devices>
            </domain>

            """
    }

    /// Secure Boot is said to be off, for else libvirt may choose a firmware that demands it.
    private var operatingSystem: String {
        let type = "<type arch='x86_64' machine='q35'>hvm</type>"
        return switch machine.firmware {
        case .bios:
            """
              <os>
                \(type)
              </os>
            """
        case .uefi:
            """
              <os firmware='efi'>
                \(type)
                <firmware>
                  <feature enabled='no' name='secure-boot'/>
                </firmware>
              </os>
            """
        }
    }

    /// Devices behind the root ports of PCI Express, where libvirt puts them, are not transitional unless it is told.
    private var model: String { machine.needsTransitionalDevices ? "virtio-transitional" : "virtio" }

    private func text(of disk: VirtualMachine.Disk, _ number: Int) throws(ImageError) -> String {
        // libvirt's schema has paths of one line.
        guard disk.path.isXMLText, !disk.path.contains(where: \.isNewline) else {
            throw ImageError(
                .invalidOption, "the disk's path has a character that libvirt can't have",
                advice: "choose another name",
                path: disk.path)
        }
        let letter = Character(Unicode.Scalar(UInt8(ascii: "a") + UInt8(number)))
        let (head, target) =
            switch machine.bus {
            case .virtioBlock:
                (machine.needsTransitionalDevices ? " model='\(model)'" : "", "dev='vd\(letter)' bus='virtio'")
            case .virtioSCSI: ("", "dev='sd\(letter)' bus='scsi'")
            }
        return """
                <disk type='file' device='disk'\(head)>
                  <driver name='qemu' type='\(disk.format.rawValue)'/>
                  <source file='\(disk.path.xmlEscaped)'/>
                  <target \(target)/>
                  <boot order='\(number + 1)'/>
                </disk>
            """
    }

    private var controller: String? {
        guard machine.bus == .virtioSCSI else { return nil }
        let model = machine.needsTransitionalDevices ? "virtio-transitional" : "virtio-scsi"
        return "    <controller type='scsi' index='0' model='\(model)'/>"
    }

    private func adapter(_ address: String?) -> String {
        let mac = address.map { "\n      <mac address='\($0)'/>" } ?? ""
        return """
                <interface type='network'>\(mac)
                  <source network='default'/>
                  <model type='\(model)'/>
                </interface>
            """
    }
}
