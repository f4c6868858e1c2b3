package import DiskImage

/// A VHDX: fixed, dynamic, or differencing with its parents; closed, or with a log to be replayed.
package struct VHDXReader: ImageReader {
    package static let format = ImageFormat.vhdx
    let file: ImageFile
    private let opener: ImageOpener
    let header: VHDXHeader
    let replayed: ReplayedFile
    let regions: VHDXRegions
    let metadata: VHDXMetadata

    package static func recognises(_ probe: ProbeData) -> Bool { probe.has(VHDX.signature) }

    package init(file: ImageFile, opener: ImageOpener) throws(ImageError) {
        guard try file.readPrefix(VHDX.signature.count) == VHDX.signature else {
            throw ImageError(.inputFormat, "this is no VHDX: the signature is missing", path: file.path)
        }
        self.file = file
        self.opener = opener
        header = try VHDXHeader.current(in: file)
        replayed = try ReplayedFile(file, header: header)
        regions = try VHDXRegions(replayed, header: header)
        metadata = try VHDXMetadata(replayed, region: regions.metadata)
    }

    package var info: ImageInfo {
        var warnings: [String] = []
        if replayed.isReplayed {
            warnings.append("the VHDX was not closed; the changes in its log are read as if they had been made")
        }
        if metadata.logicalSectorSize != 512 {
            warnings.append(
                "the guest knows sectors of \(metadata.logicalSectorSize) bytes: give it a disk with such sectors again, "
                    + "or it won't find its partitions")
        }
        let hasParent = metadata.parent != nil
        return ImageInfo(
            filename: file.path, format: Self.format,
            subformat: hasParent ? "differencing" : metadata.keepsBlocks ? "fixed" : "dynamic",
            virtualSize: metadata.virtualSize, actualSize: file.allocatedSize, clusterSize: metadata.blockSize,
            dirty: replayed.isReplayed, backingFilename: metadata.parent?.names.first,
            backingFormat: hasParent ? Self.format : nil,
            formatSpecific: [
                ("logical-sector-size", .integer(metadata.logicalSectorSize)),
                ("physical-sector-size", .integer(metadata.physicalSectorSize)),
            ], warnings: warnings)
    }

    package func makeMap() throws(ImageError) -> sending any DiskMap {
        let map = try VHDXMap(replayed, regions: regions, metadata: metadata)
        return LayeredMap(map, over: try openParentDisk()?.makeMap())
    }

    package func openParent() throws(ImageError) -> (any ImageReader)? { try openParentDisk() }

    /// Opens the disk that this one is a snapshot of.
    private func openParentDisk() throws(ImageError) -> VHDXReader? {
        guard let locator = metadata.parent else { return nil }
        let (parentFile, parentOpener) = try opener.openParent(named: locator.names, by: file)
        let parent = try VHDXReader(file: parentFile, opener: parentOpener)
        for warning in parent.info.warnings { opener.findings.warn("\(parentFile.path): \(warning)") }
        guard parent.metadata.logicalSectorSize == metadata.logicalSectorSize else {
            throw file.damaged(
                "the parent \"\(parentFile.path)\" has sectors of \(parent.metadata.logicalSectorSize) bytes, the snapshot "
                    + "of \(metadata.logicalSectorSize)")
        }
        guard opener.ignoresParentChanges || locator.linkages.contains(parent.header.dataWriteGUID) else {
            throw file.damaged(
                "the disk \"\(parentFile.path)\" is not the parent, or has changed since the snapshot was taken: its "
                    + "identifier is another", advice: "find the right parent; --force-parent takes this one")
        }
        return parent
    }
}
