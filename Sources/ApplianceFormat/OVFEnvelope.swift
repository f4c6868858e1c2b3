import DiskImage

/// What an OVF says about the disks of its virtual machines.
///
/// Elements are known by their local names, so that versions 0.9, 1 and 2, whose namespaces differ, read alike:
/// ```
///  Envelope ─┬─ References ── File id href size compression chunkSize
///            ├─ DiskSection ── Disk diskId fileRef capacity capacityAllocationUnits format parentRef
///            └─ VirtualSystem ─┬─ Name
///                              └─ VirtualHardwareSection ─┬─ Item: ResourceType 3 (processors), 4 (memory), 10 (an adapter),
///                                                         │  17 (a disk), HostResource ovf:/disk/ID or ovf:/file/ID
///                                                         └─ Config key="firmware" value="efi" (VMware's)
/// ```
/// Source of the facts: DMTF DSP0243, and OVFs written by VMware and VirtualBox.
struct OVFEnvelope {
    struct File {
        var reference: String
        var size: UInt64?
        var compression: String?
        var chunkSize: UInt64?
    }

    struct Disk {
        var identifier: String
        var file: String?
        var capacity: UInt64?
        var capacityUnit: UInt64 = 1
        var parent: String?
        var format = ""
    }

    private(set) var files: [String: File] = [:]
    /// In the order of the text.
    private(set) var disks: [Disk] = []
    /// Of the first virtual machine.
    private(set) var hardware = MachineHardware()

    /// Longest OVF that is read, in bytes. Real ones have some ten thousand.
    static let maximumLength: UInt64 = 4 << 20
    /// More than any machine can have.
    private static let maximumDisks = 1024
    private static let maximumFiles = 10_000
    /// How VMware's extension of an item calls the slot.
    private static let slotKey = "slotInfo.pciSlotNumber"
    private static let firmwareKey = "firmware"

    /// Whether text is, or was meant to be, an OVF, as far as it is there.
    static func isRecognisable(_ prefix: [UInt8]) -> Bool {
        if isUTF16(prefix) { return true }
        let text = prefix.starts(with: [0xEF, 0xBB, 0xBF]) ? prefix[3...] : prefix[...]
        return text.first { ![0x20, 0x09, 0x0A, 0x0D].contains($0) } == UInt8(ascii: "<")
            && text.firstRange(of: "Envelope".utf8) != nil
    }

    /// A byte-order mark and a `<` of two bytes each.
    private static func isUTF16(_ text: [UInt8]) -> Bool {
        text.starts(with: [0xFE, 0xFF, 0x00, 0x3C]) || text.starts(with: [0xFF, 0xFE, 0x3C, 0x00])
    }

    /// Reads the OVF in `file`.
    init(file: ImageFile) throws(ImageError) {
        guard file.size <= Self.maximumLength else {
            throw file.damaged("an OVF of \(file.size) bytes is impossibly large")
        }
        let bytes = try file.read(at: 0, count: Int(file.size), what: "OVF")
        guard !Self.isUTF16(bytes) else {
            throw file.unsupported("the OVF is in UTF-16", at: 0, advice: "store it as UTF-8")
        }
        do throws(XMLScanner.Invalid) {
            try self.init(parsing: bytes)
        } catch {
            throw file.damaged("the OVF is no sound XML: \(error.message)", at: UInt64(error.offset))
        }
    }

    init(parsing bytes: [UInt8]) throws(XMLScanner.Invalid) {
        var scanner = XMLScanner(bytes)
        var path: [String] = []
        var item: [String: String] = [:]
        var machineName = ""
        while let event = try scanner.next() {
            switch event {
            case .start(let name, let attributes):
                if path.isEmpty, name != "Envelope" {
                    throw XMLScanner.Invalid(offset: 0, message: "the root element is \"\(name)\", not \"Envelope\"")
                }
                enter(name, attributes, in: path.last)
                if name == "Config", attributes["key"] == Self.slotKey { item[Self.slotKey] = attributes["value"] }
                path.append(name)
                guard files.count <= Self.maximumFiles, disks.count <= Self.maximumDisks,
                    hardware.networkAdapters.count <= Self.maximumDisks
                else {
                    throw XMLScanner.Invalid(offset: 0, message: "it lists more files or disks than a machine can have")
                }
            case .text(let text):
                if path.count > 1, let field = path.last, path[path.count - 2].hasSuffix("Item") {
                    item[field, default: ""] += text
                }
                if path.last == "Name", Self.isMachine(path.dropLast().last) { machineName += text }
            case .end(let name):
                path.removeLast()
                // Version 2 calls the item of a disk StorageItem, and that of an adapter EthernetPortItem.
                if ["Item", "StorageItem", "EthernetPortItem"].contains(name) {
                    enterItem(item)
                    item = [:]
                }
                if name == "Name", Self.isMachine(path.last) {
                    hardware.name = hardware.name ?? machineName.trimmingBlanks
                }
            }
        }
    }

    /// Whether an element describes a machine; version 0.9 calls it Content.
    private static func isMachine(_ element: String?) -> Bool { element == "VirtualSystem" || element == "Content" }

    private mutating func enter(_ name: String, _ attributes: [String: String], in parent: String?) {
        switch (name, parent) {
        case ("File", "References"):
            guard let identifier = attributes["id"], let reference = attributes["href"] else { return }
            files[identifier] = File(
                reference: reference, size: attributes["size"].flatMap { UInt64($0) },
                compression: attributes["compression"], chunkSize: attributes["chunkSize"].flatMap { UInt64($0) })
        case ("Disk", "DiskSection"), ("Disk", "Section"):
            guard let identifier = attributes["diskId"] else { return }
            var disk = Disk(
                identifier: identifier, file: attributes["fileRef"], parent: attributes["parentRef"],
                format: attributes["format"] ?? "")
            if let number = attributes["capacity"].flatMap({ UInt64($0.trimmingBlanks) }),
                let unit = Self.bytes(of: attributes["capacityAllocationUnits"] ?? "byte")
            {
                let capacity = number.multipliedReportingOverflow(by: unit)
                disk.capacity = capacity.overflow ? nil : capacity.partialValue
                disk.capacityUnit = unit
            }
            disks.append(disk)
        case ("Config", _) where attributes["key"] == Self.firmwareKey:
            hardware.firmware = hardware.firmware ?? (attributes["value"]?.lowercased() == "efi" ? .uefi : .bios)
        case ("Firmware", "Hardware"):
            // VirtualBox': BIOS, EFI, EFI32, EFI64, EFIDUAL.
            hardware.firmware =
                hardware.firmware ?? (attributes["type"]?.hasPrefix("EFI") == true ? .uefi : .bios)
        default: break
        }
    }

    /// Enters an item by its type (DSP0243, and CIM_ResourceAllocationSettingData). Where there are several of a kind, as for
    /// machines that can be deployed in several ways, the first counts.
    private mutating func enterItem(_ item: [String: String]) {
        func number<Number: FixedWidthInteger>(_ field: String) -> Number? {
            item[field].flatMap { Number($0.trimmingBlanks) }
        }
        switch item["ResourceType"]?.trimmingBlanks {
        case "3":
            guard hardware.processors == nil else { return }
            hardware.processors = number("VirtualQuantity")
            hardware.coresPerSocket = number("CoresPerSocket")
        case "4":
            guard hardware.memory == nil, let quantity: UInt64 = number("VirtualQuantity"),
                let unit = Self.bytes(of: item["AllocationUnits"] ?? "byte * 2^20"),
                case let bytes = quantity.multipliedReportingOverflow(by: unit), !bytes.overflow
            else { return }
            hardware.memory = bytes.partialValue
        case "10":
            hardware.networkAdapters.append(
                NetworkAdapter(address: item["Address"]?.trimmingBlanks, slot: number(Self.slotKey)))
        case "17": enterDisk(item)
        default: break
        }
    }

    /// A disk may be a file that no `Disk` mentions.
    private mutating func enterDisk(_ item: [String: String]) {
        guard let resource = item["HostResource"]?.trimmingBlanks, let marker = resource.firstRange(of: "/file/")
        else { return }
        let file = String(resource[marker.upperBound...])
        guard !disks.contains(where: { $0.file == file }) else { return }
        disks.append(Disk(identifier: file, file: file))
    }

    /// The bytes of one unit: `byte * 2^30` and the like (versions from 1), `MegaBytes` (0.9), or `MegaByte` (VirtualBox).
    static func bytes(of unit: String) -> UInt64? {
        let words = unit.lowercased().filter { !$0.isWhitespace }.split(separator: "*")
        let names: [Substring: UInt64] = [
            "byte": 1, "bytes": 1, "kilobytes": 1 << 10, "megabyte": 1 << 20, "megabytes": 1 << 20,
            "gigabytes": 1 << 30,
        ]
        guard let first = words.first, var factor = names[first] else { return nil }
        for word in words.dropFirst() {
            let numbers = word.split(separator: "^", omittingEmptySubsequences: false).map { UInt64($0) }
            guard let base = numbers[0], numbers.count <= 2, let exponent = numbers.count == 2 ? numbers[1] : 1,
                exponent < 64
            else { return nil }
            for _ in 0..<exponent {
                let product = factor.multipliedReportingOverflow(by: base)
                guard !product.overflow else { return nil }
                factor = product.partialValue
            }
        }
        return factor
    }

    /// The disks with the files they are in.
    func applianceDisks(of image: ImageFile) throws(ImageError) -> [ApplianceDisk] {
        var found: [ApplianceDisk] = []
        for disk in disks {
            var appliance = ApplianceDisk(
                name: disk.identifier, fileName: nil, capacity: disk.capacity, capacityUnit: disk.capacityUnit)
            if let identifier = disk.file {
                guard let file = files[identifier] else {
                    throw image.damaged("disk \"\(disk.identifier)\" is in file \"\(identifier)\", which is not listed")
                }
                appliance.fileName = file.reference
                appliance.fileSize = file.size
                appliance.isVMDK =
                    disk.format.lowercased().contains("vmdk") || file.reference.lowercased().hasSuffix(".vmdk")
                appliance.chunkSize = file.chunkSize
                appliance.isCompressed = file.compression == "gzip"
                if let compression = file.compression, !["", "identity", "gzip"].contains(compression) {
                    appliance.obstacle = "its compression (\(compression)) is not known"
                }
            }
            if let parent = disk.parent {
                appliance.obstacle = "it has only what differs from disk \"\(parent)\"; export it as one disk"
            }
            found.append(appliance)
        }
        return found
    }
}

extension String {
    /// Without blanks and line ends at both ends.
    fileprivate var trimmingBlanks: String {
        String(drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    }
}
