import DiskImage

/// A shell script that starts QEMU (qemu-system-x86_64(1)), with KVM where there is one. It finds its disks beside itself.
struct QEMUScript {
    let machine: VirtualMachine

    func text() -> String {
        """
        #!/bin/sh
        # Starts the virtual machine. Arguments are passed on to QEMU; the environment's QEMU is the program to start.
        set -eu
        case $0 in */*) cd -- "${0%/*}/" ;; esac
        \(firmware)set -- \\
        \((options.map { "    \($0) \\" } + ["    \"$@\""]).joined(separator: "\n"))
        exec "${QEMU:-qemu-system-x86_64}" "$@"

        """
    }

    /// UEFI's variables are kept in a file beside the disk, which is made of the firmware's template.
    private var firmware: String {
        guard machine.firmware == .uefi else { return "" }
        return """
            code=${OVMF_CODE:-} template=${OVMF_VARS:-}
            for pair in \\
                /usr/share/OVMF/OVMF_CODE_4M.fd:/usr/share/OVMF/OVMF_VARS_4M.fd \\
                /usr/share/OVMF/OVMF_CODE.fd:/usr/share/OVMF/OVMF_VARS.fd \\
                /usr/share/edk2/ovmf/OVMF_CODE.fd:/usr/share/edk2/ovmf/OVMF_VARS.fd \\
                /usr/share/edk2/x64/OVMF_CODE.4m.fd:/usr/share/edk2/x64/OVMF_VARS.4m.fd \\
                /usr/share/qemu/ovmf-x86_64-4m-code.bin:/usr/share/qemu/ovmf-x86_64-4m-vars.bin
            do
                if [ -z "$code" ] && [ -r "${pair%:*}" ]; then code=${pair%:*} template=${pair#*:}; fi
            done
            if [ -z "$code" ] || [ -z "$template" ]; then
                echo "no UEFI firmware was found: install ovmf or edk2-ovmf, or set OVMF_CODE and OVMF_VARS" >&2
                exit 1
            fi
            variables=\("./\(variables)".shellQuoted)
            [ -e "$variables" ] || cp -- "$template" "$variables"

            """
    }

    private var variables: String { "\(Self.name(of: machine.disks[0]).withoutImageExtension)-vars.fd" }

    private static func name(of disk: VirtualMachine.Disk) -> String {
        disk.path.split(separator: "/").last.map(String.init) ?? disk.path
    }

    private var options: [String] {
        var options = [
            "-name \("guest=\(machine.name.plainName.replacing(",", with: ",,"))".shellQuoted)",
            "-accel kvm -accel tcg -cpu max",
            "-smp \(machine.sockets * machine.cores),sockets=\(machine.sockets),cores=\(machine.cores)",
            "-m \(machine.memoryMiB)M", "-rtc base=\(machine.isClockLocal ? "localtime" : "utc")",
        ]
        switch machine.firmware {
        case .bios: options.append("-machine q35")
        case .uefi:
            options += [
                "-machine q35,pflash0=code,pflash1=variables",
                "-blockdev \"driver=file,node-name=code,read-only=on,filename=$code\"",
                "-blockdev \(Self.node("variables", "raw", file: variables))",
            ]
        }
        if machine.bus == .virtioSCSI { options.append("-device virtio-scsi-pci,id=scsi") }
        for (index, disk) in machine.disks.enumerated() {
            let node = "disk\(index + 1)"
            let device = machine.bus == .virtioBlock ? "virtio-blk-pci" : "scsi-hd,bus=scsi.0"
            options += [
                "-blockdev \(Self.node(node, disk.format.rawValue, file: Self.name(of: disk)))",
                "-device \(device),drive=\(node),bootindex=\(index + 1)",
            ]
        }
        for (index, address) in machine.adapters.enumerated() {
            let mac = address.map { ",mac=\($0)" } ?? ""
            options.append("-netdev user,id=nic\(index + 1) -device virtio-net-pci,netdev=nic\(index + 1)\(mac)")
        }
        return options + ["-device virtio-rng-pci"]
    }

    /// As JSON, where names can be anything: `-drive` takes what stands before a colon for a protocol.
    private static func node(_ name: String, _ format: String, file: String) -> String {
        """
        {"driver": "\(format)", "node-name": "\(name)", "file": {"driver": "file", "filename": \(file.jsonQuoted)}}
        """.shellQuoted
    }
}
