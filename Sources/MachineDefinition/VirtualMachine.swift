public import DiskImage

/// A virtual machine, as far as it must be known to boot its disks on KVM. Disks and network are virtio.
public struct VirtualMachine: Sendable, Equatable {
    /// A disk.
    public struct Disk: Sendable, Equatable {
        /// Where its image is, from the root directory on.
        public var path: String
        /// The image's format: raw or qcow2.
        public var format: ImageFormat

        /// The disk in the image at `path`.
        public init(path: String, format: ImageFormat) {
            self.path = path
            self.format = format
        }
    }

    /// What people call it; any text. Definitions have what of it their kind allows.
    public var name: String
    /// What it boots by.
    public var firmware = Firmware.bios
    /// Processors, 1 or more.
    public var sockets = 2
    /// Cores of each processor, 1 or more.
    public var cores = 1
    /// Bytes, whole MiB.
    public var memory: UInt64 = 2 << 30
    /// In the machine's order: the first is booted from.
    public var disks: [Disk]
    /// What the disks are attached to.
    public var bus = DiskBus.virtioBlock
    /// The network adapters' addresses, six pairs of hexadecimal digits with colons; nil for whatever the host chooses.
    public var adapters: [String?] = [nil]
    /// The machine's clock shows the local time instead of UTC.
    public var isClockLocal = false
    /// The guest's virtio drivers know no version but the first, from before the standard: they need transitional devices.
    public var needsTransitionalDevices = false

    /// A machine with 2 processors, 2 GiB and one network adapter.
    public init(name: String, disks: [Disk]) {
        self.name = name
        self.disks = disks
    }

    /// As many as all kinds of definitions can have.
    static let maximumDisks = 16
    /// As many as VMware's machines can have.
    package static let maximumAdapters = 10
    /// More than any host has.
    package static let maximumProcessors = 4096
    /// Bytes; more than any host has.
    package static let maximumMemory: UInt64 = 64 << 40

    var memoryMiB: UInt64 { memory >> 20 }

    /// Throws if no definition can have it.
    func check() throws(ImageError) {
        func demand(_ condition: Bool, _ what: String, path: String? = nil) throws(ImageError) {
            guard condition else { throw ImageError(.invalidOption, what, path: path) }
        }
        try demand((1...Self.maximumDisks).contains(disks.count), "a machine has 1 to \(Self.maximumDisks) disks")
        try demand(adapters.count <= Self.maximumAdapters, "a machine has at most \(Self.maximumAdapters) adapters")
        try demand(sockets > 0 && cores > 0, "a machine has a processor")
        try demand(memory >= 1 << 20, "a machine has memory")
        for disk in disks {
            try demand(disk.path.hasPrefix("/"), "a definition must name the disk from the root on", path: disk.path)
            guard [.raw, .qcow2].contains(disk.format) else {
                throw ImageError(
                    .invalidOption, "a machine on KVM runs from a raw or qcow2 disk, not from \(disk.format.rawValue)",
                    advice: "convert with -O qcow2 or -O raw", path: disk.path)
            }
        }
        for case let address? in adapters {
            try demand(Self.isAddress(address), "\"\(address)\" is no address of a network adapter")
        }
    }

    /// Whether text is the address of one adapter: bit 0 of the first byte would make it a group's.
    package static func isAddress(_ text: String) -> Bool {
        let pairs = text.split(separator: ":", omittingEmptySubsequences: false)
        let numbers = pairs.compactMap { $0.count == 2 && !$0.hasPrefix("+") ? UInt8($0, radix: 16) : nil }
        return pairs.count == 6 && numbers.count == 6 && numbers[0] & 1 == 0
    }
}
