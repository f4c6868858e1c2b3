package import DiskImage

/// A VHD: fixed, dynamic, or differencing with its parents.
package struct VHDReader: ImageReader {
    package static let format = ImageFormat.vpc
    let file: ImageFile
    private let opener: ImageOpener
    let footer: VHDFooter
    let virtualSize: UInt64
    /// Nil if the disk is fixed.
    let header: VHDDynamicHeader?
    private let warnings: [String]

    /// A fixed disk carries no mark but its last sector, and that of a raw disk may hold anything: so the footer must be
    /// right in every respect. One that is not makes the file ambiguous, not raw.
    package static func recognises(_ probe: ProbeData) -> Bool {
        if probe.has(VHD.cookie) { return true }
        guard let footer = VHDFooter.last(in: probe.suffix, fileSize: probe.fileSize), footer.isIntact,
            footer.contradiction(fileSize: probe.fileSize) == nil
        else { return false }
        return footer.kind != .fixed || footer.currentSize == footer.position
    }

    package init(file: ImageFile, opener: ImageOpener) throws(ImageError) {
        self.file = file
        self.opener = opener
        let footer: VHDFooter
        var warnings: [String]
        (footer, warnings) = try VHDFooter.choose(in: file)
        self.footer = footer
        virtualSize = opener.vhdSize == .geometry ? footer.geometry.size : footer.currentSize
        if footer.kind == .fixed {
            header = nil
            guard virtualSize <= footer.position else {
                throw file.damaged("the VHD's geometry has \(virtualSize) bytes, the file only \(footer.position)")
            }
        } else {
            let header = try VHDDynamicHeader(file: file, footer: footer, virtualSize: virtualSize)
            if !header.isIntact {
                warnings.append(
                    "the checksum of the dynamic VHD header is wrong; its fields make sense and are believed")
            }
            self.header = header
        }
        if footer.isSavedState {
            warnings.append("a suspended machine belongs to the VHD; what it had in memory is not on the disk")
        }
        self.warnings = warnings
    }

    package var info: ImageInfo {
        let kinds: [VHDFooter.Kind: String] = [.fixed: "fixed", .dynamic: "dynamic", .differencing: "differencing"]
        let isDifferencing = footer.kind == .differencing
        return ImageInfo(
            filename: file.path, format: Self.format, subformat: footer.kind.flatMap { kinds[$0] },
            virtualSize: virtualSize, actualSize: file.allocatedSize,
            clusterSize: header.map { UInt64($0.blockSize) },
            backingFilename: isDifferencing ? header?.parentNames.first : nil,
            backingFormat: isDifferencing ? Self.format : nil,
            formatSpecific: [
                ("creator", .string(footer.creator)), ("current-size", .integer(footer.currentSize)),
                ("cylinders", .integer(UInt64(footer.geometry.cylinders))),
                ("heads", .integer(UInt64(footer.geometry.heads))),
                ("sectors-per-track", .integer(UInt64(footer.geometry.sectorsPerTrack))),
            ], warnings: warnings)
    }

    package func makeMap() throws(ImageError) -> sending any DiskMap {
        guard let header else { return VHDFixedMap(file: file, virtualSize: virtualSize) }
        let map = try VHDMap(file: file, footer: footer, header: header, virtualSize: virtualSize)
        return LayeredMap(map, over: try openParentDisk()?.makeMap())
    }

    package func openParent() throws(ImageError) -> (any ImageReader)? { try openParentDisk() }

    /// Opens the disk that this one is a snapshot of.
    private func openParentDisk() throws(ImageError) -> VHDReader? {
        guard let header, footer.kind == .differencing else { return nil }
        let (parentFile, parentOpener) = try opener.openParent(named: header.parentNames, by: file)
        let parent = try VHDReader(file: parentFile, opener: parentOpener)
        for warning in parent.info.warnings { opener.findings.warn("\(parentFile.path): \(warning)") }
        guard opener.ignoresParentChanges || parent.footer.identifier == header.parentIdentifier else {
            throw file.damaged(
                "the disk \"\(parentFile.path)\" is not the parent: its identifier is another",
                at: header.position + 40,
                advice: "find the right parent; --force-parent takes this one")
        }
        return parent
    }
}
