import DiskImage
@testable import GuestFixups
import MachineDefinition
import Testing

@testable import V2VConvert

/// What a machine's description and its guest tell becomes the machine that is defined.
@Suite struct MachineFactsTests {
    private static let addresses = ["00:50:56:aa:bb:01", "00:50:56:aa:bb:02", "00:50:56:aa:bb:03"]

    private func machine(
        _ hardware: MachineHardware = MachineHardware(), _ guest: GuestDescription? = nil, addresses: [String] = []
    ) -> VirtualMachine {
        VirtualMachine(
            hardware, guest, name: "out", disk: .init(path: "/out.qcow2", format: .qcow2), bus: .virtioBlock,
            addresses: addresses)
    }

    /// Interfaces by name, with their addresses.
    private func guest(
        _ interfaces: KeyValuePairs<String, String?> = [:], kernels: [String] = ["6.1.0-18-amd64"],
        clock: String = "utc"
    ) throws -> GuestDescription {
        var guest = try GuestDescription(Machine([]))
        guest.firmware = .uefi
        guest.systems = [
            GuestDescription.System(
                root: "disk 1", firmware: .uefi, clock: clock,
                kernels: kernels.map { .init(version: $0, image: "/boot/vmlinuz-\($0)") },
                auxiliaryImages: [],
                interfaces: interfaces.map { .init(name: $0, address: $1, sources: [], pinned: false) }, tools: [])
        ]
        return guest
    }

    private func described(_ adapters: NetworkAdapter...) -> MachineHardware {
        var hardware = MachineHardware()
        hardware.networkAdapters = adapters
        return hardware
    }

    @Test func nothingIsKnown() {
        let machine = machine()
        #expect(machine == VirtualMachine(name: "out", disks: [.init(path: "/out.qcow2", format: .qcow2)]))
        #expect(machine.memory == 2 << 30 && machine.sockets * machine.cores == 2 && machine.firmware == .bios)
    }

    @Test func theDescriptionComesBeforeTheGuest() throws {
        var hardware = MachineHardware()
        hardware.name = "Web"
        #expect(try machine(hardware, guest()).firmware == .uefi && machine(hardware, guest()).name == "Web")
        hardware.firmware = .bios
        #expect(try machine(hardware, guest()).firmware == .bios)
    }

    @Test(
        arguments: [
            (4, 2, 2, 2), (4, 3, 4, 1), (4, nil, 4, 1), (4, 0, 4, 1), (0, 1, 2, 1), (-1, -1, 2, 1), (.max, 1, 2, 1),
        ]
            as [(Int, Int?, Int, Int)])
    func processors(said: Int, shared: Int?, sockets: Int, cores: Int) {
        var hardware = MachineHardware()
        hardware.processors = said
        hardware.coresPerSocket = shared
        #expect(machine(hardware).sockets == sockets && machine(hardware).cores == cores)
    }

    @Test(
        arguments: [(3 << 30, 3 << 30), (0, 2 << 30), (1, 2 << 30), (.max, 2 << 30), (5 << 20 | 1, 5 << 20)]
            as [(UInt64, UInt64)])
    func memory(said: UInt64, is bytes: UInt64) {
        var hardware = MachineHardware()
        hardware.memory = said
        #expect(machine(hardware).memory == bytes)
    }

    @Test func adaptersHaveTheirAddresses() throws {
        let known = described(
            NetworkAdapter(address: "00-50-56-AA-BB-01", slot: nil),
            NetworkAdapter(address: Self.addresses[1], slot: 192))
        let other = try guest(["ens3": Self.addresses[2]])
        #expect(machine(known, other).adapters == [Self.addresses[0], Self.addresses[1]])
        // Of a group, and none at all.
        #expect(machine(described(NetworkAdapter(address: "01:00:5e:00:00:01", slot: nil))).adapters == [nil])
        #expect(machine(described(NetworkAdapter(address: "$(reboot)", slot: nil))).adapters == [nil])
    }

    /// Their names depend on them.
    @Test func addressesComeFromTheGuestOrTheUser() throws {
        let interfaces = try guest([
            "ens160": Self.addresses[0], "ens192": Self.addresses[1], "bond0": Self.addresses[0], "x": nil,
        ])
        #expect(machine(MachineHardware(), interfaces).adapters == [Self.addresses[0], Self.addresses[1]])
        let slots = described(
            NetworkAdapter(address: nil, slot: 192), NetworkAdapter(address: nil, slot: nil),
            NetworkAdapter(address: nil, slot: nil))
        #expect(machine(slots, interfaces).adapters == [Self.addresses[1], Self.addresses[0], nil])
        #expect(machine(addresses: [Self.addresses[2].uppercased()]).adapters == [Self.addresses[2]])
    }

    @Test func noMachineHasMoreAdaptersThanItCan() {
        let many = (0..<99).map { "00:50:56:aa:bb:\($0 < 10 ? "0" : "")\($0)" }
        #expect(machine(addresses: many).adapters.count == 10)
    }

    @Test(arguments: [
        ("6.1.0-18-amd64", false), ("2.6.32-754.el6.x86_64", true), ("3.16.0-4-amd64", true), ("x", false),
    ])
    func oldKernelsNeedTransitionalDevices(version: String, areNeeded: Bool) throws {
        let guest = try guest(kernels: ["6.1.0-18-amd64", version], clock: "localtime")
        #expect(machine(MachineHardware(), guest).needsTransitionalDevices == areNeeded)
        #expect(machine(MachineHardware(), guest).isClockLocal)
    }
}
