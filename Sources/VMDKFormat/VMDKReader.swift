import ByteLayout
package import DiskImage

/// A VMware virtual disk: opened by its descriptor, or by its only file with the descriptor embedded.
package struct VMDKReader: ImageReader {
    package static let format = ImageFormat.vmdk

    private let file: ImageFile
    private let opener: ImageOpener
    private let descriptor: Descriptor
    /// In the order of the virtual disk.
    private let extents: [OpenedExtent]
    /// The extents' files, each once.
    private let files: [ImageFile]

    package static func recognises(_ probe: ProbeData) -> Bool {
        probe.has(VMDK.sparseMagic) || probe.has(VMDK.cowdMagic) || probe.has(VMDK.seSparseMagic)
            || Descriptor.isRecognisable(probe.prefix)
    }

    package init(file: ImageFile, opener: ImageOpener) throws(ImageError) {
        let prefix = try file.readPrefix(SparseHeader.length)
        guard !prefix.starts(with: VMDK.cowdMagic), !prefix.starts(with: VMDK.seSparseMagic) else {
            throw file.unsupported(
                "this is an extent of an ESXi snapshot, without its descriptor",
                advice: "name the .vmdk file that lists the extents (a small text file)")
        }
        self.file = file
        self.opener = opener
        if prefix.starts(with: VMDK.sparseMagic) {
            let header = try Self.openSparse(file)
            descriptor = try Self.embeddedDescriptor(of: file, header: header)
            let length = try Self.length(of: file, header: header, line: descriptor.extents.first)
            extents = [OpenedExtent(length: length, storage: .sparse(file: 0, header: header))]
            files = [file]
        } else {
            descriptor = try Self.textDescriptor(of: file)
            (extents, files) = try Self.openExtents(of: descriptor, in: file, opener: opener)
        }
        try requireReasonableSize()
    }

    /// Extents whose sizes add up to no possible disk, or whose tables would take more memory than any real disk's.
    private func requireReasonableSize() throws(ImageError) {
        var size: UInt64 = 0
        var directoryEntries: UInt64 = 0
        var sparseFiles: Set<Int> = []
        for extent in extents {
            size = size.addingReportingOverflow(extent.length).overflow ? .max : size + extent.length
            guard size <= UInt64(Int64.max) else {
                throw file.damaged("the sizes of the extents add up to more than 2^63 bytes")
            }
            let number: Int
            switch extent.storage {
            case .zero, .flat: continue
            case .sparse(let file, let header):
                number = file
                directoryEntries += header.directoryEntries
            case .cowd(let file, let header):
                number = file
                directoryEntries += UInt64(header.directoryEntries)
            case .seSparse(let file, _):
                number = file
                directoryEntries += extent.length.dividedUp(by: SESparseHeader.tableCoverage)
            }
            guard sparseFiles.insert(number).inserted else {
                throw file.damaged("the descriptor lists the sparse file \"\(files[number].path)\" twice")
            }
            guard directoryEntries <= VMDK.maximumDirectoryEntries else {
                throw file.damaged(
                    "the extents have grain directories of more than \(VMDK.maximumDirectoryEntries) entries")
            }
        }
    }

    package func makeMap() throws(ImageError) -> sending any DiskMap {
        guard descriptor.hasParent else { return try VMDKMap(extents: extents, files: files, absent: .zero) }
        let parent = try openParent()
        return LayeredMap(
            try VMDKMap(extents: extents, files: files, absent: .unallocated), over: try parent.makeMap())
    }

    /// Opens the disk that this one is a snapshot of.
    private func openParent() throws(ImageError) -> VMDKReader {
        guard let hint = descriptor.parentFileNameHint else {
            throw file.damaged("the disk is a snapshot, but its descriptor does not name the parent")
        }
        let (parentFile, parentOpener) = try opener.openParent(named: hint, by: file)
        let parent = try VMDKReader(file: parentFile, opener: parentOpener)
        // The parent's content ID changes when it is written to; then the child no longer fits.
        let expected = descriptor.parentContentID ?? Descriptor.noParent
        guard opener.ignoresParentChanges || parent.descriptor.contentID == expected else {
            throw file.damaged(
                "the parent \"\(parentFile.path)\" has changed since the snapshot was taken (CID "
                    + "\(String(parent.descriptor.contentID ?? 0, radix: 16)), expected \(String(expected, radix: 16)))",
                advice: "find the right parent; --force-parent takes this one")
        }
        return parent
    }
}

extension VMDKReader {
    /// An extent whose file is open and whose header is known.
    struct OpenedExtent {
        /// Bytes of virtual disk.
        var length: UInt64
        var storage: Storage

        enum Storage {
            case zero
            /// Data from byte `offset` of file number `file`.
            case flat(file: Int, offset: UInt64)
            case sparse(file: Int, header: SparseHeader)
            case cowd(file: Int, header: COWDHeader)
            case seSparse(file: Int, header: SESparseHeader)
        }
    }

    /// The header to go by: the footer's, where the header says that the directory is at the end.
    private static func openSparse(_ file: ImageFile) throws(ImageError) -> SparseHeader {
        let header = try SparseHeader(file: file)
        guard header.directoryOffset == SparseHeader.directoryAtEnd else { return header }
        var footer = try StreamFooter.find(in: file)
        guard footer.directoryOffset != SparseHeader.directoryAtEnd else {
            throw file.damaged("the stream's footer does not say where the grain directory is")
        }
        guard footer.capacity == header.capacity, footer.grainSize == header.grainSize else {
            throw file.damaged("the stream's header and footer contradict each other")
        }
        // Footers repeat the header; the descriptor is where the header says.
        footer.descriptorOffset = header.descriptorOffset
        footer.descriptorSize = header.descriptorSize
        return footer
    }

    private static func embeddedDescriptor(
        of file: ImageFile, header: SparseHeader
    ) throws(ImageError) -> Descriptor {
        guard header.descriptorOffset != 0 else {
            throw file.unsupported(
                "this is one extent of a VMDK, without a descriptor",
                advice: "name the .vmdk file that lists the extents (a small text file)")
        }
        let bytes = try file.read(
            at: header.descriptorOffset * VMDK.sectorSize,
            count: Int(header.descriptorSize * VMDK.sectorSize), what: "embedded descriptor")
        let descriptor = try parse(bytes, of: file, at: header.descriptorOffset * VMDK.sectorSize)
        // An embedded descriptor describes the file it is in; the name in it is ignored, for the file may be renamed.
        guard descriptor.extents.count == 1, descriptor.extents[0].kind == .sparse else {
            throw file.damaged(
                "the embedded descriptor does not list exactly one sparse extent",
                at: header.descriptorOffset * VMDK.sectorSize)
        }
        return descriptor
    }

    private static func textDescriptor(of file: ImageFile) throws(ImageError) -> Descriptor {
        guard file.size <= UInt64(VMDK.maximumDescriptorLength) else {
            throw ImageError(.inputFormat, "this is no VMDK: neither a sparse header nor a descriptor", path: file.path)
        }
        let bytes = try file.readPrefix(VMDK.maximumDescriptorLength)
        guard Descriptor.isRecognisable(bytes) else {
            throw ImageError(.inputFormat, "this is no VMDK: neither a sparse header nor a descriptor", path: file.path)
        }
        let descriptor = try parse(bytes, of: file, at: nil)
        // QEMU writes no extent line for a disk of no bytes, but its geometry says so too.
        let isEmptyDisk = descriptor.database.contains { $0.key == "ddb.geometry.cylinders" && $0.value == "0" }
        guard !descriptor.extents.isEmpty || isEmptyDisk else {
            throw file.damaged("the VMDK descriptor lists no extents")
        }
        return descriptor
    }

    private static func parse(_ bytes: [UInt8], of file: ImageFile, at offset: UInt64?) throws(ImageError) -> Descriptor
    {
        do {
            return try Descriptor(parsing: bytes)
        } catch {
            throw file.damaged("line \(error.line) of the VMDK descriptor: \(error.message)", at: offset)
        }
    }

    private static func openExtents(
        of descriptor: Descriptor, in image: ImageFile, opener: ImageOpener
    ) throws(ImageError) -> ([OpenedExtent], [ImageFile]) {
        var extents: [OpenedExtent] = []
        var files: [ImageFile] = []
        var indices: [String: Int] = [:]
        func index(of name: String) throws(ImageError) -> Int {
            if let known = indices[name] { return known }
            files.append(try opener.open(named: name, by: image))
            indices[name] = files.count - 1
            return files.count - 1
        }
        for line in descriptor.extents {
            guard line.sectors <= UInt64.max / VMDK.sectorSize, line.offset <= UInt64.max >> 10 else {
                throw image.damaged("an extent of \(line.sectors) sectors is impossibly large")
            }
            let length = line.sectors * VMDK.sectorSize
            guard line.kind != .zero, line.access != .none, let name = line.fileName else {
                extents.append(OpenedExtent(length: length, storage: .zero))
                continue
            }
            switch line.kind {
            case .flat, .vmfs:
                let number = try index(of: name)
                let offset = line.offset * VMDK.sectorSize
                let available = files[number].size - min(files[number].size, offset)
                guard length <= available else {
                    throw files[number].damaged(
                        "the extent is cut short: the descriptor says \(length) bytes from byte \(offset), "
                            + "the file has \(files[number].size)", at: files[number].size, advice: "copy it again")
                }
                extents.append(OpenedExtent(length: length, storage: .flat(file: number, offset: offset)))
            case .sparse:
                let number = try index(of: name)
                let header = try openSparse(files[number])
                let length = try Self.length(of: files[number], header: header, line: line)
                extents.append(OpenedExtent(length: length, storage: .sparse(file: number, header: header)))
            case .vmfsSparse:
                let number = try index(of: name)
                let header = try COWDHeader(file: files[number])
                extents.append(OpenedExtent(length: length, storage: .cowd(file: number, header: header)))
            case .seSparse:
                let number = try index(of: name)
                let header = try SESparseHeader(file: files[number])
                extents.append(OpenedExtent(length: length, storage: .seSparse(file: number, header: header)))
            case .zero, .vmfsRDM, .vmfsRaw:
                throw image.unsupported(
                    "the extent \"\(name)\" is a mapping of a raw device (\(line.kind.rawValue)), whose data is elsewhere",
                    advice: "convert the device itself")
            }
        }
        return (extents, files)
    }

    /// Bytes of the extent: the line's size wins over the header's capacity, which some writers round up to a grain.
    private static func length(
        of file: ImageFile, header: SparseHeader, line: ExtentLine?
    ) throws(ImageError) -> UInt64 {
        guard let sectors = line?.sectors else { return header.capacity * VMDK.sectorSize }
        guard header.capacity > 0 || sectors == 0 else {
            throw file.damaged("the header says that the disk has no sectors, the descriptor \(sectors)", at: 12)
        }
        guard
            sectors <= UInt64.max >> 10,
            sectors >= header.capacity || sectors.alignedUp(to: header.grainSize) == header.capacity
        else {
            throw file.damaged(
                "the header says \(header.capacity) sectors, the descriptor \(sectors): the descriptor would cut the disk",
                at: 12)
        }
        return sectors * VMDK.sectorSize
    }
}

extension VMDKReader {
    package var info: ImageInfo {
        var warnings: [String] = []
        var grain: UInt64?
        var isUnclean = false
        for case .sparse(_, let header) in extents.map(\.storage) {
            grain = grain ?? header.grainLength
            if header.isUnclean { isUnclean = true }
        }
        if descriptor.extents.contains(where: { $0.access == .none }) {
            warnings.append("an extent is marked NOACCESS; it is read as zeros")
        }
        if isUnclean { warnings.append("the program that wrote the disk did not close it properly") }
        let others = files.filter { $0.identity != file.identity }
        return ImageInfo(
            filename: file.path, format: .vmdk, subformat: descriptor.createType,
            virtualSize: extents.reduce(0) { $0 + $1.length },
            actualSize: others.reduce(file.allocatedSize) { $0 + $1.allocatedSize }, clusterSize: grain,
            dirty: isUnclean, backingFilename: descriptor.hasParent ? descriptor.parentFileNameHint : nil,
            backingFormat: descriptor.hasParent ? .vmdk : nil, formatSpecific: details, warnings: warnings)
    }

    private var details: [(key: String, value: InfoValue)] {
        var members: [(key: String, value: InfoValue)] = [
            ("cid", .integer(UInt64(descriptor.contentID ?? 0))),
            ("parent-cid", .integer(UInt64(descriptor.parentContentID ?? Descriptor.noParent))),
            ("create-type", .string(descriptor.createType ?? "")),
            ("extents", .list(extents.map(describe))),
        ]
        let interesting = ["ddb.adapterType": "adapter-type", "ddb.virtualHWVersion": "hardware-version"]
        for (key, value) in descriptor.database {
            if let name = interesting[key] { members.append((name, .string(value))) }
        }
        return members
    }

    private func describe(_ extent: OpenedExtent) -> InfoValue {
        var members: [(key: String, value: InfoValue)] = [("virtual-size", .integer(extent.length))]
        switch extent.storage {
        case .zero:
            members.append(("format", .string("ZERO")))
        case .flat(let number, _):
            members.append(("filename", .string(files[number].path)))
            members.append(("format", .string("FLAT")))
        case .sparse(let number, let header):
            members.append(("filename", .string(files[number].path)))
            members.append(("format", .string("SPARSE")))
            members.append(("version", .integer(UInt64(header.version))))
            members.append(("cluster-size", .integer(header.grainLength)))
            if header.isCompressed { members.append(("compressed", .boolean(true))) }
        case .cowd(let number, let header):
            members.append(("filename", .string(files[number].path)))
            members.append(("format", .string("VMFSSPARSE")))
            members.append(("cluster-size", .integer(UInt64(header.grainSize) * VMDK.sectorSize)))
        case .seSparse(let number, _):
            members.append(("filename", .string(files[number].path)))
            members.append(("format", .string("SESPARSE")))
            members.append(("cluster-size", .integer(SESparseHeader.grainLength)))
        }
        return .object(members)
    }
}
