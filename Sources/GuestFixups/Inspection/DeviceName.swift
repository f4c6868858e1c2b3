import GuestDisk

/// What a configuration file calls a device: `UUID=…`, `/dev/sda1`, `/dev/mapper/rhel-root` …
struct DeviceName: Equatable {
    enum Kind: Equatable {
        /// `UUID=`, `/dev/disk/by-uuid/`.
        case uuid(String)
        case label(String)
        case partitionUUID(String)
        case partitionLabel(String)
        /// The name of a disk by the order in which the kernel found it: letter or number from 0, and the partition, if any.
        case disk(Int, partition: Int?, driver: String)
        /// By where it is attached or what the hypervisor calls it: other hardware has other names. The base is the path of the
        /// disk, without what tells the partition.
        case hardware(base: String, partition: Int?)
        /// By volume group and volume, in device-mapper's spelling.
        case mapper(String)
        case volume(group: String, name: String)
        /// No device: `tmpfs`, `//server/share`, a file.
        case other
    }

    let text: String
    let kind: Kind

    init(_ text: String) {
        self.text = text
        kind = Self.kind(of: text.filter { $0 != "\"" && $0 != "'" })
    }

    /// Whether the device may have another name on other hardware.
    var dependsOnHardware: Bool {
        switch kind {
        // A guest that has virtio disks keeps them.
        case .disk(_, _, let driver): driver != "vd"
        case .hardware: true
        case .uuid, .label, .partitionUUID, .partitionLabel, .mapper, .volume, .other: false
        }
    }

    private static func kind(of text: String) -> Kind {
        for (prefix, make) in tags {
            if text.lowercased().hasPrefix(prefix.lowercased()) {
                return make(String(text.dropFirst(prefix.count)))
            }
        }
        guard text.hasPrefix("/dev/") else { return .other }
        let path = String(text.dropFirst(5))
        if path.hasPrefix("mapper/") { return .mapper(String(path.dropFirst(7))) }
        if path.hasPrefix("disk/by-") {
            return hardware(path)
        }
        if let disk = kernelName(path) { return disk }
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        return parts.count == 2 && !parts.contains("") && parts[0] != "disk"
            ? .volume(group: String(parts[0]), name: String(parts[1])) : .other
    }

    /// What device-mapper, LVM and md call by their own identifiers doesn't depend on hardware.
    private static func hardware(_ path: String) -> Kind {
        let name = path.split(separator: "/").last.map(String.init) ?? ""
        guard !["dm-", "lvm-", "md-"].contains(where: name.hasPrefix) else { return .other }
        guard let partition = number(after: "-part", in: name) else { return .hardware(base: path, partition: nil) }
        return .hardware(base: String(path.dropLast("-part\(partition)".count)), partition: partition)
    }

    private static let tags: [(prefix: String, make: @Sendable (String) -> Kind)] = [
        ("UUID=", { .uuid($0) }), ("/dev/disk/by-uuid/", { .uuid($0) }),
        ("LABEL=", { .label(Fstab.unescaped($0)) }), ("/dev/disk/by-label/", { .label(unescaped($0)) }),
        ("PARTUUID=", { .partitionUUID($0) }), ("/dev/disk/by-partuuid/", { .partitionUUID($0) }),
        ("PARTLABEL=", { .partitionLabel($0) }), ("/dev/disk/by-partlabel/", { .partitionLabel(unescaped($0)) }),
    ]

    /// udev, and dracut, write what would be unsafe in a file name as `\x20`.
    static func unescaped(_ name: String) -> String {
        var bytes: [UInt8] = []
        var rest = Array(name.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "\\"), rest.first == UInt8(ascii: "x"), rest.count >= 3,
                let value = UInt8(String(decoding: rest.dropFirst().prefix(2), as: UTF8.self), radix: 16)
            {
                bytes.append(value)
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// `sda1`, `hdb`, `vdc2`, `xvda1`, `nvme0n1p2`.
    private static func kernelName(_ name: String) -> Kind? {
        for driver in ["sd", "hd", "vd", "xvd"] where name.hasPrefix(driver) {
            let rest = name.dropFirst(driver.count)
            let letters = rest.prefix { $0.isLowercase && $0.isASCII }
            let digits = rest.dropFirst(letters.count)
            guard (1...2).contains(letters.count), digits.isEmpty || Int(digits) != nil else { continue }
            // After z comes aa.
            let index = letters.utf8.reduce(0) { $0 * 26 + Int($1 - UInt8(ascii: "a")) + 1 } - 1
            return .disk(index, partition: Int(digits), driver: driver)
        }
        guard name.hasPrefix("nvme") else { return nil }
        let parts = name.dropFirst(4).split(separator: "n", maxSplits: 1)
        guard parts.count == 2, let controller = Int(parts[0]), (0..<maximumControllers).contains(controller) else {
            return nil
        }
        let rest = parts[1].split(separator: "p", maxSplits: 1)
        // VMware's controllers have one namespace for each disk; which of them is which disk nothing tells.
        guard let namespace = Int(rest[0]), namespace >= 1 else { return nil }
        return .disk(
            namespace == 1 ? controller : .max, partition: rest.count == 2 ? Int(rest[1]) : nil, driver: "nvme")
    }

    private static let maximumControllers = 1024

    private static func number(after mark: String, in name: String) -> Int? {
        let characters = Array(name)
        let wanted = Array(mark)
        for start in stride(from: characters.count - wanted.count, through: 0, by: -1)
        where Array(characters[start..<start + wanted.count]) == wanted {
            return Int(String(characters[(start + wanted.count)...]))
        }
        return nil
    }
}

extension Machine {
    /// The volume that the guest calls `name`; nil if there is none, or if several could be meant.
    func volume(_ name: DeviceName) -> Volume? {
        switch name.kind {
        case .uuid(let uuid): only { $0.uuid?.lowercased() == uuid.lowercased() }
        case .label(let label): only { $0.label == label }
        case .partitionUUID(let uuid): only { $0.partition?.uuid.lowercased() == uuid.lowercased() }
        case .partitionLabel(let label): only { $0.partition?.label == label }
        case .disk(let disk, let partition, _):
            only { $0.disk == disk && $0.partition?.number == partition }
        case .hardware(_, let partition):
            // With several disks nothing tells which one it was.
            disks.count == 1 ? only { $0.disk == 0 && $0.partition?.number == partition } : nil
        case .mapper(let mapped): only { $0.mapperName == mapped }
        case .volume(let group, let name):
            only { $0.place == .logical(group: group, name: name, mapperPath: $0.name) }
        case .other: nil
        }
    }

    private func only(_ matches: (Volume) -> Bool) -> Volume? {
        let found = volumes.filter(matches)
        return found.count == 1 ? found[0] : nil
    }
}

extension Volume {
    /// The number of the disk that it is on, from 0; nil for logical volumes.
    var disk: Int? {
        switch place {
        case .disk(let disk), .partition(let disk, _): disk
        case .logical: nil
        }
    }

    var partition: Partition? {
        if case .partition(_, let partition) = place { return partition }
        return nil
    }

    var mapperName: String? {
        if case .logical(_, _, let path) = place { return String(path.dropFirst("/dev/mapper/".count)) }
        return nil
    }
}
