import ByteLayout
package import DiskImage

/// A qcow2 image.
package struct QCOW2Reader: ImageReader {
    package static let format = ImageFormat.qcow2

    private let file: ImageFile
    private let opener: ImageOpener
    private let header: QCOW2Header
    private let extensions: HeaderExtensions
    private let backingFile: String?

    package static func recognises(_ probe: ProbeData) -> Bool { probe.has(QCOW2.magic) }

    package init(file: ImageFile, opener: ImageOpener) throws(ImageError) {
        self.file = file
        self.opener = opener
        header = try QCOW2Header(file: file)
        extensions = try HeaderExtensions(file: file, header: header)
        if header.backingFileOffset != 0, header.backingFileSize > 0 {
            let name = try file.read(
                at: header.backingFileOffset, count: Int(header.backingFileSize), what: "backing file name")
            backingFile = String(decoding: name, as: UTF8.self)
        } else {
            backingFile = nil
        }
    }

    package func makeMap() throws(ImageError) -> sending any DiskMap {
        let unknown = header.incompatible.subtracting(.known).rawValue
        guard unknown == 0 else {
            let names = (0..<64).filter { unknown >> UInt64($0) & 1 == 1 }
                .map { extensions.incompatibleFeatureName(bit: $0) }
            throw file.unsupported("the image needs unknown features: \(names.joined(separator: ", "))", at: 72)
        }
        guard opener.salvages || !header.incompatible.contains(.corrupt) else {
            throw file.damaged(
                "the image is marked corrupt", at: 72,
                advice: "repair it: qemu-img check -r all; --salvage reads what can be read")
        }
        guard header.cryptMethod == 0 else { throw file.unsupported("encrypted qcow2 is not supported yet", at: 32) }
        let dataFile = try openDataFile()
        guard let backingFile else {
            return try QCOW2Map(
                file: file, dataFile: dataFile, header: header, absent: .zero, tolerant: opener.salvages)
        }
        return LayeredMap(
            try QCOW2Map(
                file: file, dataFile: dataFile, header: header, absent: .unallocated, tolerant: opener.salvages),
            over: try openBackingMap(backingFile))
    }

    /// The external data file, which holds the clusters, if there is one. Its name is relative to the image.
    private func openDataFile() throws(ImageError) -> ImageFile? {
        guard header.incompatible.contains(.externalDataFile) else { return nil }
        guard let name = extensions.dataFile else {
            throw file.damaged("the image has an external data file, but does not name it", at: 72)
        }
        return try opener.open(named: name, by: file)
    }

    private func openBackingMap(_ name: String) throws(ImageError) -> any DiskMap {
        let (backing, backingOpener) = try opener.openParent(named: name, by: file)
        let format = extensions.backingFormat.map(ImageFormat.init(rawValue:))
        let reader = try opener.openImage(backing, format, backingOpener)
        // What a guest wrote to a raw disk could make it look like an image that names other files, so raw is taken for
        // raw only where the overlay says so.
        guard format != nil || type(of: reader).format != .raw else {
            throw file.unsupported(
                "the backing file \"\(name)\" looks raw, but the image does not say that it is", at: 8,
                advice: "if it is, say so with qemu-img rebase -u -F raw -b '\(name)'")
        }
        return try reader.makeMap()
    }

    package var info: ImageInfo {
        let isVersion3 = header.version >= 3
        var details: [(key: String, value: InfoValue)] = [
            ("compat", .string(isVersion3 ? "1.1" : "0.10")),
            ("compression-type", .string(header.compression.name)),
        ]
        if isVersion3 {
            details += [
                ("lazy-refcounts", .boolean(header.compatible & QCOW2Header.lazyRefcounts != 0)),
                ("refcount-bits", .integer(1 << UInt64(header.refcountOrder))),
                ("corrupt", .boolean(header.incompatible.contains(.corrupt))),
                ("extended-l2", .boolean(header.incompatible.contains(.extendedL2))),
            ]
        } else {
            details.append(("refcount-bits", .integer(16)))
        }
        if let dataFile = extensions.dataFile { details.append(("data-file", .string(dataFile))) }
        details.append(("snapshot-count", .integer(UInt64(header.snapshotCount))))
        details.append(("has-bitmaps", .boolean(extensions.hasBitmaps)))
        var warnings: [String] = []
        if header.snapshotCount > 0 { warnings.append("internal snapshots are not copied; the current state is") }
        if extensions.hasBitmaps { warnings.append("persistent bitmaps are not copied") }
        return ImageInfo(
            filename: file.path, format: .qcow2, subformat: isVersion3 ? "1.1" : "0.10", virtualSize: header.size,
            actualSize: file.allocatedSize, clusterSize: header.clusterSize, encrypted: header.cryptMethod != 0,
            dirty: header.incompatible.contains(.dirty), backingFilename: backingFile,
            backingFormat: extensions.backingFormat.map(ImageFormat.init(rawValue:)), formatSpecific: details,
            warnings: warnings)
    }
}
