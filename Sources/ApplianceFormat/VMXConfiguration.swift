import DiskImage

/// The lines `key = "value"` of a VMX. Keys are case-insensitive; `|22` in a value is the character of that code, which
/// could not be written otherwise.
struct VMXConfiguration {
    /// By key in lower case.
    private var values: [String: String] = [:]

    /// Controllers in the order in which their disks are numbered.
    private static let controllers = ["scsi", "sata", "nvme", "ide"]

    /// Whether text is a VMX, as far as it is there.
    static func isRecognisable(_ prefix: [UInt8]) -> Bool {
        guard !prefix.contains(0) else { return false }
        let configuration = VMXConfiguration(parsing: prefix)
        return configuration.values["config.version"] != nil || configuration.values["virtualhw.version"] != nil
    }

    init(parsing bytes: [UInt8]) {
        for line in bytes.split(whereSeparator: { $0 == 0x0A || $0 == 0x0D }) {
            // Names in another encoding than UTF-8 are taken for the most usual one.
            let text = String(lenient: line)
            guard let equals = text.firstIndex(of: "="), !text.hasPrefix("#") else { continue }
            let key = text[..<equals].filter { !$0.isWhitespace && $0 != "\u{FEFF}" }.lowercased()
            let rest = text[text.index(after: equals)...].drop(while: \.isWhitespace)
            let value =
                rest.first == "\"" ? rest.dropFirst().prefix { $0 != "\"" } : rest.prefix { !$0.isWhitespace }
            values[key] = String(value).resolvingEscapes("|")
        }
    }

    /// The disks in the order of controllers and units.
    var disks: [ApplianceDisk] {
        var found: [(controller: Int, bus: Int, unit: Int, disk: ApplianceDisk)] = []
        for (key, fileName) in values {
            guard let place = key.split(separator: ".").first, key == place + ".filename" else { continue }
            let numbers = place.drop { !$0.isNumber }.split(separator: ":", omittingEmptySubsequences: false)
            guard let controller = Self.controllers.firstIndex(of: String(place.prefix { !$0.isNumber })),
                numbers.count == 2, let bus = Int(numbers[0]), let unit = Int(numbers[1]),
                isDisk(String(place), fileName)
            else { continue }
            let disk = ApplianceDisk(
                name: String(place), fileName: fileName, isVMDK: fileName.lowercased().hasSuffix(".vmdk"))
            found.append((controller, bus, unit, disk))
        }
        return found.sorted { ($0.controller, $0.bus, $0.unit) < ($1.controller, $1.bus, $1.unit) }.map(\.disk)
    }

    /// What is said of the hardware. `firmware` is only there if it is not a BIOS; sizes are in MiB.
    var hardware: MachineHardware {
        var hardware = MachineHardware()
        hardware.name = values["displayname"]
        hardware.firmware = values["firmware"].map { $0.lowercased() == "efi" ? .uefi : .bios }
        hardware.processors = values["numvcpus"].flatMap { Int($0) }
        hardware.coresPerSocket = values["cpuid.corespersocket"].flatMap { Int($0) }
        hardware.memory = values["memsize"].flatMap { UInt64($0) }.flatMap {
            $0 <= .max >> 20 ? $0 << 20 : nil
        }
        hardware.networkAdapters = networkAdapters
        return hardware
    }

    /// The network adapters in the order of their numbers. VMware keeps the address that a person chose under another key than
    /// the one it made itself.
    private var networkAdapters: [NetworkAdapter] {
        (0..<Self.maximumAdapters).compactMap { number in
            let prefix = "ethernet\(number)."
            guard values[prefix + "present"]?.lowercased() == "true" else { return nil }
            let isChosen = values[prefix + "addresstype"]?.lowercased() == "static"
            return NetworkAdapter(
                address: values[prefix + (isChosen ? "address" : "generatedaddress")],
                slot: values[prefix + "pcislotnumber"].flatMap { Int($0) }.flatMap { $0 > 0 ? $0 : nil })
        }
    }

    /// As many as a machine can have.
    private static let maximumAdapters = 10

    /// Whether what is at `place` is a disk that is there: not a CD drive, and not switched off.
    private func isDisk(_ place: String, _ fileName: String) -> Bool {
        let type = values[place + ".devicetype"]?.lowercased() ?? ""
        return values[place + ".present"]?.lowercased() != "false" && !fileName.isEmpty
            && !type.contains("cdrom") && !fileName.lowercased().hasSuffix(".iso")
    }
}
