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

    /// Most chunks of a disk: 2 TiB, if they have 1 GiB.
    private static let maximumChunks = 2048
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
        switch try open(disk, opener) {
        case .blank: return UniformMap(virtualSize: try blankSize(disk), content: .zero)
        case .image(let reader, _):
            if let snapshot { return try reader.makeMap(of: snapshot) }
            return try reader.makeMap()
        case .chunks(let chunks):
            throw chunks[0].unsupported("a disk in chunks can only be read front to back", advice: "join the chunks")
        }
    }

    /// The wanted disk, or the only one, if it can only be read front to back.
    func makeStream() throws(ImageError) -> (any DiskStream)? {
        let disk = try chosen()
        try digests?.demand(of: opener)
        switch try open(disk, opener) {
        case .blank: return nil
        case .image(let reader, _):
            guard let stream = try reader.makeStream() else { return nil }
            try requireWhole(stream, disk)
            return stream
        case .chunks(let chunks): return try open(chunks, of: disk)
        }
    }

    /// Opens the stream of the bytes of `disk`.
    func open(_ bytes: any ByteStream, of disk: ApplianceDisk) throws(ImageError) -> any DiskStream {
        let stream = try opener.openStream(bytes, nil, opener)
        try requireWhole(stream, disk)
        return stream
    }

    private func open(_ chunks: [ImageFile], of disk: ApplianceDisk) throws(ImageError) -> any DiskStream {
        try open(ConcatenatedStream(chunks.map { FileStream($0) }, path: chunks[0].path), of: disk)
    }

    /// The wanted disk, or the only one.
    func chosen() throws(ImageError) -> ApplianceDisk {
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

    private enum Opened {
        case blank
        case image(any ImageReader, ImageFile)
        case chunks([ImageFile])
    }

    /// Opens what holds `disk`.
    private func open(_ disk: ApplianceDisk, _ opener: ImageOpener) throws(ImageError) -> Opened {
        if let obstacle = disk.obstacle { throw file.unsupported("disk \"\(disk.name)\": \(obstacle)") }
        guard let name = disk.fileName else { return .blank }
        if let size = disk.chunkSize, let chunks = try openChunks(disk, name, size, opener) { return .chunks(chunks) }
        let image = try open(named: name, opener)
        let reader = try opener.openImage(image, nil, opener)
        if reader.info.format == .raw {
            try requireRaw(disk, path: image.path, isKnownSize: true)
            guard image.size >= disk.fileSize ?? 0 else {
                throw image.damaged(
                    "the raw disk is cut short: the description of the virtual machine says \(disk.fileSize ?? 0) bytes",
                    at: image.size)
            }
            try requireCapacity(image.size, of: disk, path: image.path)
        }
        return .image(reader, image)
    }

    /// Opens `name.000000000`, `name.000000001`, …; nil if there are none, because the file was joined.
    private func openChunks(
        _ disk: ApplianceDisk, _ name: String, _ size: UInt64, _ opener: ImageOpener
    ) throws(ImageError) -> [ImageFile]? {
        var chunks: [ImageFile] = []
        while chunks.count < Self.maximumChunks {
            let number = String(chunks.count)
            let suffix = "." + String(repeating: "0", count: max(0, 9 - number.count)) + number
            do throws(ImageError) {
                chunks.append(try open(named: name + suffix, opener))
            } catch {
                guard error.code == .inputUnreadable else { throw error }
                break
            }
        }
        guard let last = chunks.last else { return nil }
        let total = chunks.reduce(0) { $0 + $1.size }
        guard chunks.dropLast().allSatisfy({ $0.size == size }), last.size <= size, total >= disk.fileSize ?? 0 else {
            throw last.damaged(
                "the chunks of the disk have \(total) bytes in all; some are missing or cut short",
                advice: "copy them again")
        }
        return chunks
    }

    /// Throws if a stream turns out to be less than the description says.
    private func requireWhole(_ stream: any DiskStream, _ disk: ApplianceDisk) throws(ImageError) {
        guard stream.info.format == .raw else { return }
        try requireRaw(disk, path: stream.path, isKnownSize: stream.virtualSize != nil)
        if let size = stream.virtualSize { try requireCapacity(size, of: disk, path: stream.path) }
    }

    /// Throws if a disk that has no marks of its own should have some.
    private func requireRaw(_ disk: ApplianceDisk, path: String, isKnownSize: Bool) throws(ImageError) {
        guard !disk.isVMDK else {
            throw ImageError(
                .inputDamaged, "this should be a VMDK, but has neither a VMDK's header nor a descriptor", path: path,
                offset: 0)
        }
        guard !disk.isCompressed || !isKnownSize else {
            throw ImageError(.inputDamaged, "this should be compressed with gzip, but is not", path: path, offset: 0)
        }
    }

    /// Throws if a raw disk of `size` bytes is shorter than the description says.
    func requireCapacity(_ size: UInt64, of disk: ApplianceDisk, path: String) throws(ImageError) {
        guard size < disk.capacity ?? 0, !disk.capacityIs(size) else { return }
        throw ImageError(
            .inputDamaged,
            "the raw disk is cut short: the description of the virtual machine says \(disk.capacity ?? 0) bytes, it has "
                + "\(size)", path: path, offset: size)
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
                if let (inner, image) = try describe(disk) {
                    members.append(("format", .string(inner.format.rawValue)))
                    if let subformat = inner.subformat { members.append(("subformat", .string(subformat))) }
                    // 0 also stands for a size that only the end tells.
                    if inner.virtualSize > 0 { size = inner.virtualSize }
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
        (try? describe(disk))?.info.virtualSize ?? disk.capacity
    }

    /// What the image of `disk` says of itself, and where it starts; nil for a blank disk.
    private func describe(_ disk: ApplianceDisk) throws(ImageError) -> (info: ImageInfo, image: ImageFile)? {
        switch try open(disk, opener.unrecorded) {
        case .blank: nil
        case .image(let reader, let image): (reader.info, image)
        case .chunks(let chunks): (try open(chunks, of: disk).info, chunks[0])
        }
    }
}
