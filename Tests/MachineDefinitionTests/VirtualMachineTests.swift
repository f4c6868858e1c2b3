import DiskImage
import MachineDefinition
import Testing

/// What can't be defined is refused, by every kind of definition.
@Suite struct VirtualMachineTests {
    @Test(
        arguments: DefinitionFormat.allCases,
        ["zz:50:56:aa:bb:cc", "0:50:56:aa:bb:cc", "01:50:56:aa:bb:cc", "+1:50:56:aa:bb:cc", "00:50:56:aa:bb", "'"])
    func whatIsNoAddress(format: DefinitionFormat, address: String) {
        var machine = Machines.simple()
        machine.adapters = [address]
        #expect(throws: ImageError.self) { try format.text(of: machine) }
    }

    @Test(arguments: DefinitionFormat.allCases) func whatIsNoMachine(format: DefinitionFormat) {
        let changes: [(inout VirtualMachine) -> Void] = [
            { $0.disks = [] }, { $0.disks = Array(repeating: $0.disks[0], count: 17) },
            { $0.disks[0].path = "web01.qcow2" },
            { $0.disks[0].format = .vmdk }, { $0.sockets = 0 }, { $0.memory = 0 },
            { $0.adapters = Array(repeating: nil, count: 11) },
        ]
        for change in changes {
            var machine = Machines.simple()
            change(&machine)
            #expect(throws: ImageError.self) { try format.text(of: machine) }
        }
    }
}
