import DiskImage
import GuestFixups
import MachineDefinition

extension VirtualMachine {
    /// The machine that its description, and what is on its disks, tell of; with our defaults for what they don't tell.
    /// - Parameters:
    ///   - name: for a machine whose description has none.
    ///   - addresses: of network interfaces, known from elsewhere.
    init(
        _ hardware: MachineHardware, _ guest: GuestDescription?, name: String, disk: Disk, bus: DiskBus,
        addresses: [String]
    ) {
        self.init(name: hardware.name.flatMap { $0.isEmpty ? nil : $0 } ?? name, disks: [disk])
        self.bus = bus
        firmware = hardware.firmware ?? guest?.firmware ?? firmware
        if let processors = hardware.processors, (1...Self.maximumProcessors).contains(processors) {
            let shared = hardware.coresPerSocket ?? 1
            cores = shared > 0 && processors % shared == 0 ? shared : 1
            sockets = processors / cores
        }
        if let bytes = hardware.memory, (1 << 20...Self.maximumMemory).contains(bytes) { memory = bytes & ~0xFFFFF }
        let system = guest?.systems.first
        isClockLocal = system?.clock == "localtime"
        needsTransitionalDevices = system?.kernels.contains(where: \.isOlderThanVirtio1) ?? false
        adapters = Self.adapters(hardware.networkAdapters, system?.interfaces ?? [], addresses: addresses)
    }

    /// The addresses of the adapters. Interfaces keep their names by their addresses, so where the description has none, an
    /// adapter gets that of the interface in its slot, or else the next that is known.
    private static func adapters(
        _ described: [NetworkAdapter], _ interfaces: [GuestDescription.Interface], addresses: [String]
    ) -> [String?] {
        let described = described.prefix(maximumAdapters)
        let interfaces = interfaces.prefix(maximumInterfaces)
        var adapters = described.map { $0.address.flatMap(address) }
        var known: [String] = []
        for address in (addresses + interfaces.compactMap(\.address)).compactMap(address)
        where !known.contains(address) && !adapters.contains(address) {
            known.append(address)
        }
        guard !adapters.isEmpty else {
            return known.isEmpty ? [nil] : Array(known.prefix(maximumAdapters))
        }
        for (index, adapter) in described.enumerated() where adapters[index] == nil {
            let interface = interfaces.first { adapter.holds($0.name) }
            if let position = known.firstIndex(where: { $0 == interface?.address.flatMap(address) }) {
                adapters[index] = known.remove(at: position)
            }
        }
        for index in adapters.indices where adapters[index] == nil && !known.isEmpty {
            adapters[index] = known.removeFirst()
        }
        return adapters
    }

    /// How many interfaces of a guest are looked at; with bonds, bridges and all no more are met.
    private static let maximumInterfaces = 100

    private static func address(_ text: String) -> String? {
        HardwareAddress.normalised(text).flatMap { isAddress($0) ? $0 : nil }
    }
}

extension GuestDescription.Kernel {
    /// Whether its virtio drivers know no standard: Linux got those that do with version 4.0. (Distributions have brought them to
    /// older kernels; transitional devices serve these, too.)
    fileprivate var isOlderThanVirtio1: Bool {
        guard image != nil, let major = version.split(separator: ".").first.flatMap({ Int($0) }) else { return false }
        return major < 4
    }
}
