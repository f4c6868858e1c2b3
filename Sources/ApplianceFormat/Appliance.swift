import DiskImage

/// A virtual machine's disks: what OVA, OVF and VMX have in common.
struct Appliance {
    private let file: ImageFile
    private let format: ImageFormat
    let disks: [ApplianceDisk]
    /// The number of the wanted disk, if one was named.
    private let wanted: Int?
    /// For what the description names.
    private let opener: ImageOpener
    /// What the files must hash to, if there is a manifest.
    private let digests: ApplianceDigests?

    /// Most disks that messages list.
    private static let listedDisks = 16

    /// - Parameters:
    ///   - file: the description, or the archive with it.
    ///   - opener: opens what `file` names.
    init(
        file: ImageFile, format: ImageFormat, disks: [ApplianceDisk], opener: ImageOpener,
        digests: ApplianceDigests? = nil
    ) {
        self.file = file
        self.format = format
        self.disks = disks
        wanted = opener.disk
        var inner = opener
        inner.isInsideAppliance = true
        inner.disk = nil
        self.opener = inner
        self.digests = digests
    }

    /// The map of the wanted disk, or of the only one; of an internal snapshot if one is named.
    func makeMap(of snapshot: SnapshotSelector? = nil) throws(ImageError) -> sending any DiskMap {
        let disk = try chosen()
        try digests?.demand(of: opener)
        guard let (reader, _) = try open(disk, opener) else { return ZeroMap(virtualSize: try blankSize(disk)) }
        if let snapshot { return try reader.makeMap(of: snapshot) }
        return try reader.makeMap()
    }

    private func chosen() throws(ImageError) -> ApplianceDisk {
        guard !disks.isEmpty else { throw file.unsupported("the virtual machine has no disk") }
        guard let number = wanted ?? (disks.count == 1 ? 1 : nil), disks.indices.contains(number - 1) else {
            var list = disks.enumerated().prefix(Self.listedDisks).map { index, disk in
                let name = disk.fileName.map { "\"\($0)\"" } ?? "blank"
                return "\(index + 1) = \(name)" + (size(of: disk).map { ", \($0) bytes" } ?? "")
            }
            if disks.count > list.count { list.append("…") }
            let count = disks.count == 1 ? "one disk" : "\(disks.count) disks"
            throw ImageError(
                .invalidOption, "the virtual machine has \(count)" + (wanted.map { ", not a disk \($0)" } ?? ""),
                advice: "name one with --disk: " + list.joined(separator: "; "), path: file.path)
        }
        return disks[number - 1]
    }

    /// Opens what holds `disk`; nil for a blank disk.
    private func open(
        _ disk: ApplianceDisk, _ opener: ImageOpener
    ) throws(ImageError) -> (reader: any ImageReader, image: ImageFile)? {
        if let obstacle = disk.obstacle { throw file.unsupported("disk \"\(disk.name)\": \(obstacle)") }
        guard let name = disk.fileName else { return nil }
        let image = try open(named: name, opener)
        let reader = try opener.openImage(image, nil, opener)
        if reader.info.format == .raw { try requireWhole(image, disk) }
        return (reader, image)
    }

    /// A raw disk has no marks of its own, so what the description says of it must hold.
    private func requireWhole(_ image: ImageFile, _ disk: ApplianceDisk) throws(ImageError) {
        guard !disk.isVMDK else {
            throw image.damaged("this should be a VMDK, but has neither a VMDK's header nor a descriptor", at: 0)
        }
        let isWhole = disk.fileSize.map { image.size >= $0 } ?? true
        guard isWhole, image.size >= disk.capacity ?? 0 || disk.capacityIs(image.size) else {
            throw image.damaged(
                "the raw disk is cut short: the description of the virtual machine says "
                    + "\(max(disk.fileSize ?? 0, disk.capacity ?? 0)) bytes, it has \(image.size)", at: image.size)
        }
    }

    /// Names are URIs in an OVF: escapes are resolved, unless the file has the name as it is written.
    private func open(named name: String, _ opener: ImageOpener) throws(ImageError) -> ImageFile {
        guard !name.contains("://") else {
            throw file.unsupported("the disk is not here but at \(name)", advice: "fetch it")
        }
        let decoded = format == .vmx ? name : name.resolvingEscapes("%")
        guard decoded != name else { return try opener.open(named: name, by: file) }
        do throws(ImageError) {
            return try opener.open(named: decoded, by: file)
        } catch {
            guard error.code == .inputUnreadable else { throw error }
            return try opener.open(named: name, by: file)
        }
    }

    private func blankSize(_ disk: ApplianceDisk) throws(ImageError) -> UInt64 {
        guard let size = disk.capacity else {
            throw file.damaged("disk \"\(disk.name)\" has neither a file nor a size")
        }
        return size
    }

    // MARK: Describing

    /// What is known about the machine's disks; `details` are added to that.
    func info(details: [(key: String, value: InfoValue)] = []) -> ImageInfo {
        var info = ImageInfo(filename: file.path, format: format, virtualSize: 0, actualSize: file.allocatedSize)
        var list: [InfoValue] = []
        for (index, disk) in disks.enumerated() {
            let number = index + 1
            var members: [(key: String, value: InfoValue)] = [
                ("number", .integer(UInt64(number))), ("name", .string(disk.name)),
            ]
            if let name = disk.fileName { members.append(("filename", .string(name))) }
            var size = disk.capacity
            do throws(ImageError) {
                if let (reader, image) = try open(disk, opener.unrecorded) {
                    let inner = reader.info
                    members.append(("format", .string(inner.format.rawValue)))
                    if let subformat = inner.subformat { members.append(("subformat", .string(subformat))) }
                    size = inner.virtualSize
                    if format != .ova { info.actualSize += inner.actualSize }
                    if number == wanted ?? 1 {
                        info.warnings += inner.warnings
                        if let warning = digests?.warning(about: image) { info.warnings.append(warning) }
                    }
                }
            } catch {
                info.warnings.append("disk \(number) can't be read: \(error)")
            }
            if let size {
                members.append(("virtual-size", .integer(size)))
                info.virtualSize = info.virtualSize.addingReportingOverflow(size).partialValue
            }
            if let size, let capacity = disk.capacity, !disk.capacityIs(size) {
                info.warnings.append("disk \(number) has \(size) bytes; the description says \(capacity)")
            }
            list.append(.object(members))
        }
        info.formatSpecific = [("disks", .list(list))] + details
        return info
    }

    /// Bytes of `disk`, as its image says, or the description.
    private func size(of disk: ApplianceDisk) -> UInt64? {
        (try? open(disk, opener.unrecorded))?.reader.info.virtualSize ?? disk.capacity
    }
}
