package import GuestDisk

extension GuestDescription {
    /// What is on `machine`.
    /// - Throws: only `disk`.
    package init(_ machine: Machine) throws(GuestError) {
        firmware = SystemFacts.firmware(machine)
        disks = machine.disks.map { disk in
            Disk(
                size: disk.size, partitionTable: disk.partitionTable?.scheme.rawValue,
                sectorSize: disk.partitionTable?.sectorSize, identifier: disk.partitionTable?.identifier)
        }
        volumes = machine.volumes.map(Volume.init)
        let (guests, problems) = try LinuxGuest.all(on: machine)
        systems = try guests.map { (guest) throws(GuestError) in try System(guest, machine) }
        warnings = machine.warnings + problems + guests.flatMap(\.warnings)
    }
}

extension GuestDescription {
    /// Takes from `report`, of a fixup that was only tried, what would not work without it, and what not even with it.
    package mutating func takeObstacles(_ report: FixupReport) {
        obstacles = report.mended.map { Obstacle(code: $0.code.rawValue, message: $0.message, mended: true) }
        obstacles += report.notes.filter(\.isProblem).map {
            Obstacle(code: $0.code.rawValue, message: $0.message, mended: false)
        }
    }
}

extension GuestDescription.Volume {
    init(_ volume: Volume) {
        name = volume.name
        size = volume.size
        type = volume.type
        uuid = volume.uuid
        label = volume.label
        partitionUUID = volume.partition?.uuid
        if case .unusable(_, let error) = volume.content { problem = error.message }
    }
}

extension GuestDescription.System {
    init(_ guest: LinuxGuest, _ machine: Machine) throws(GuestError) {
        root = guest.root.name
        subvolume = guest.subvolume
        distribution = guest.release?.id
        version = guest.release?.version
        name = guest.release?.name
        let facts = SystemFacts(tree: guest.tree)
        firmware = SystemFacts.firmware(machine)
        bootloader = try facts.first(SystemFacts.bootloaders)
        initramfsTool = try facts.first(SystemFacts.initramfsTools)
        tools = try facts.all(SystemFacts.tools)
        clock = SystemFacts.isClockLocal(guest.tree) ? "localtime" : "utc"
        kernels = guest.kernels.map {
            GuestDescription.Kernel(version: $0.version, image: $0.image, initramfs: $0.initramfs)
        }
        auxiliaryImages = guest.auxiliaryImages.map {
            GuestDescription.AuxiliaryImage(path: $0.path, purpose: $0.purpose.rawValue)
        }
        interfaces = try NetworkConfiguration.interfaces(of: guest.tree).map {
            GuestDescription.Interface(name: $0.name, address: $0.address, sources: $0.sources, pinned: $0.isPinned)
        }
    }
}
