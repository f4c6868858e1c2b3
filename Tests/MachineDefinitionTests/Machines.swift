import DiskImage
import MachineDefinition

/// Machines of every kind, and what may be tried with texts that come from elsewhere.
enum Machines {
    static let addresses = ["00:50:56:aa:bb:cc", "00:50:56:aa:bb:cd"]

    static let all: [VirtualMachine] = [Firmware.bios, .uefi].flatMap { firmware in
        DiskBus.allCases.flatMap { bus in
            [false, true].map { isOld in
                var machine = simple()
                machine.firmware = firmware
                machine.bus = bus
                machine.needsTransitionalDevices = isOld
                machine.isClockLocal = isOld
                machine.disks.append(.init(path: "/images/web01-data.raw", format: .raw))
                (machine.sockets, machine.cores) = (2, 4)
                machine.memory = 3 << 30
                machine.adapters = isOld ? [] : [addresses[0], nil, addresses[1]]
                return machine
            }
        }
    }

    static func simple(name: String = "web01", path: String = "/images/web01.qcow2") -> VirtualMachine {
        VirtualMachine(name: name, disks: [.init(path: path, format: .qcow2)])
    }

    /// What would be code, or another element, key or option, if it were taken as it is.
    static let hostileNames = [
        "a'b\"c", "$(touch pwned)`touch pwned`", "a,b=c,accel=none", "</name><devices/>", "a&b;c&amp;d", "]]>",
        "--help", "-n",
        "name: [x", "# not a comment", "a\\b\\\"c", "ünïcödé 機械", "true", "12", "%s%n", "..", "{{x}}", "a\u{2028}b",
        "'; exit 7; '",
    ]

    /// Besides, what names of files can have.
    static let hostileFiles = hostileNames.filter { $0 != ".." } + ["a\nb", "a\tb", " a ", "nbd:localhost:1"]
}
