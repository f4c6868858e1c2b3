package import DiskImage

/// A VirtualBox disk image, perhaps a snapshot over another.
package struct VDIReader: ImageReader {
    package static let format = ImageFormat.vdi
    let file: ImageFile
    private let opener: ImageOpener
    let header: VDIHeader

    package static func recognises(_ probe: ProbeData) -> Bool { probe.has(VDI.signature, at: VDI.signatureOffset) }

    package init(file: ImageFile, opener: ImageOpener) throws(ImageError) {
        self.file = file
        self.opener = opener
        header = try VDIHeader(file: file)
    }

    package var info: ImageInfo {
        let kinds: [VDIHeader.Kind: String] = [
            .dynamic: "dynamic", .fixed: "static", .undo: "undo", .differencing: "differencing",
        ]
        var details: [(key: String, value: InfoValue)] = [("uuid", .string("\(header.identifier)"))]
        if header.kind == .differencing { details.append(("parent-uuid", .string("\(header.parentIdentifier)"))) }
        return ImageInfo(
            filename: file.path, format: Self.format, subformat: kinds[header.kind], virtualSize: header.size,
            actualSize: file.allocatedSize, clusterSize: UInt64(header.blockSize), formatSpecific: details)
    }

    package func makeMap() throws(ImageError) -> sending any DiskMap {
        let map = VDIMap(file: file, header: header)
        switch header.kind {
        case .dynamic, .fixed, .differencing:
            return LayeredMap(map, over: try openParent()?.makeMap())
        case .undo:
            throw file.unsupported("undo images of VirtualBox are not supported", at: 76)
        }
    }

    /// Opens the disk that this one is a snapshot of. VirtualBox keeps snapshots under their identifiers; of the disk at the
    /// bottom only its registry knows the name.
    package func openParent() throws(ImageError) -> (any ImageReader)? {
        guard header.kind == .differencing else { return nil }
        let (parentFile, parentOpener) = try opener.openParent(named: ["{\(header.parentIdentifier)}.vdi"], by: file)
        let parent = try opener.openImage(parentFile, nil, parentOpener)
        guard opener.ignoresParentChanges || isParent(parent) else {
            throw file.damaged(
                "the disk \"\(parentFile.path)\" is not the parent \(header.parentIdentifier), or has changed since the "
                    + "snapshot was taken", at: 424, advice: "find the right parent; --force-parent takes this one")
        }
        return parent
    }

    /// Whether `parent` is the disk that the snapshot was made of, as it was then. There are writers that take the field of
    /// the parent's modification for that of its identifier.
    private func isParent(_ parent: any ImageReader) -> Bool {
        guard let parent = (parent as? VDIReader)?.header else { return false }
        return parent.identifier == header.parentModification
            || parent.identifier == header.parentIdentifier
                && [parent.modification, .zero].contains(header.parentModification)
    }
}
