import DiskImage
import MachineDefinition
import TestSupport
import Testing

/// Proxmox VE's own parser is in no distribution that tests could use: these are the patterns of keys and values that
/// qm.conf(5) documents, as far as they are used here, written by hand.
@Suite struct ProxmoxConfigurationTests {
    private static let label = "[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?"
    private static let documented: [String: String] = [
        "name": #"(\#(label)\.)*\#(label)"#, "ostype": "l26", "machine": "(pc|q35).*", "bios": "seabios|ovmf",
        "cpu": "host",
        "sockets": "[1-9][0-9]*", "cores": "[1-9][0-9]*", "memory": "[1-9][0-9]*", "localtime": "0|1",
        "scsihw": "lsi|lsi53c810|virtio-scsi-pci|virtio-scsi-single|megasas|pvscsi",
        "virtio([0-9]|1[0-5])": "file=/[^,]+,format=(raw|qcow2)",
        "scsi([0-9]|[12][0-9]|30)": "file=/[^,]+,format=(raw|qcow2)",
        "boot": "order=(virtio|scsi)[0-9]+",
        "net([0-9]|[12][0-9]|3[01])": "virtio(=[0-9A-F]{2}(:[0-9A-F]{2}){5})?,bridge=vmbr[0-9]+",
        "serial[0-3]": "socket|/dev/.+",
    ]

    /// The values by their keys; throws unless each line is one that is documented, and none is there twice.
    private func read(_ machine: VirtualMachine) throws -> [String: String] {
        var values: [String: String] = [:]
        for line in try DefinitionFormat.proxmox.text(of: machine).split(
            separator: "\n", omittingEmptySubsequences: false) where !line.isEmpty
        {
            // The parser's own pattern of a line.
            let match = try #require(line.wholeMatch(of: /([a-z][a-z_\-]*\d*):\s*(.+?)\s*/), "\(line)")
            let (key, value) = (String(match.1), String(match.2))
            let pattern = try #require(try Self.documented.first { try key.wholeMatch(of: Regex($0.key)) != nil }).value
            #expect(try value.wholeMatch(of: Regex(pattern)) != nil, "\(line)")
            #expect(values.updateValue(value, forKey: key) == nil)
        }
        return values
    }

    @Test(arguments: Machines.all) func everyLineIsDocumented(machine: VirtualMachine) throws {
        let values = try read(machine)
        #expect(values["memory"] == "3072" && values["sockets"] == "2" && values["cores"] == "4")
        #expect(values["bios"] == (machine.firmware == .uefi ? "ovmf" : "seabios"))
        #expect(values["localtime"] == (machine.isClockLocal ? "1" : "0"))
        let bus = machine.bus == .virtioSCSI ? "scsi" : "virtio"
        #expect(values["\(bus)1"] == "file=/images/web01-data.raw,format=raw" && values["boot"] == "order=\(bus)0")
        #expect(values.keys.count { $0.hasPrefix("net") } == machine.adapters.count)
        if !machine.adapters.isEmpty { #expect(values["net0"] == "virtio=00:50:56:AA:BB:CC,bridge=vmbr0") }
    }

    @Test(arguments: Machines.hostileNames + [""]) func anyNameBecomesALabel(name: String) throws {
        #expect(try read(Machines.simple(name: name))["name"] != nil)
    }

    @Test(arguments: Machines.hostileFiles) func aFileIsNamedAsItIsOrNotAtAll(name: String) throws {
        let machine = Machines.simple(path: "/\(name)/disk")
        if name.contains(where: { ",\n\t".contains($0) }) || name.contains("\u{2028}") {
            #expect(throws: ImageError.self) { try DefinitionFormat.proxmox.text(of: machine) }
        } else {
            #expect(try read(machine)["virtio0"] == "file=/\(name)/disk,format=qcow2")
        }
    }
}
