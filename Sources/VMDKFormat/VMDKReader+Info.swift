package import DiskImage

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
        case .missing:
            members.append(("format", .string("missing")))
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
