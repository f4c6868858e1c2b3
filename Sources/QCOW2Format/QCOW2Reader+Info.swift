package import DiskImage

extension QCOW2Reader {
    package var info: ImageInfo {
        let isVersion3 = header.version >= 3
        return ImageInfo(
            filename: file.path, format: .qcow2, subformat: isVersion3 ? "1.1" : "0.10", virtualSize: header.size,
            actualSize: file.allocatedSize, clusterSize: header.clusterSize, encrypted: header.cryptMethod != 0,
            dirty: header.incompatible.contains(.dirty), backingFilename: backingFile,
            backingFormat: extensions.backingFormat.map(ImageFormat.init(rawValue:)), snapshots: snapshots.map(\.info),
            formatSpecific: details, warnings: warnings)
    }

    /// What `qemu-img info` calls format-specific, in its order.
    private var details: [(key: String, value: InfoValue)] {
        var details: [(key: String, value: InfoValue)] = [
            ("compat", .string(header.version >= 3 ? "1.1" : "0.10")),
            ("compression-type", .string(header.compression.name)),
        ]
        if header.version >= 3 {
            details.append(("lazy-refcounts", .boolean(header.compatible & QCOW2Header.lazyRefcounts != 0)))
        }
        if !bitmaps.isEmpty { details.append(("bitmaps", .list(bitmaps.map(Self.value)))) }
        details.append(("refcount-bits", .integer(1 << UInt64(header.refcountOrder))))
        if let encryption = header.encryptionName {
            details.append(("encrypt", .object([("format", .string(encryption))])))
        }
        if let dataFile = extensions.dataFile { details.append(("data-file", .string(dataFile))) }
        if header.incompatible.contains(.externalDataFile) {
            details.append(("data-file-raw", .boolean(header.autoclear & QCOW2Header.rawDataFile != 0)))
        }
        if header.version >= 3 {
            details.append(("corrupt", .boolean(header.incompatible.contains(.corrupt))))
            details.append(("extended-l2", .boolean(header.incompatible.contains(.extendedL2))))
        }
        return details
    }

    private static func value(_ bitmap: QCOW2Bitmap) -> InfoValue {
        .object([
            ("flags", .list(bitmap.flagNames.map { .string($0) })), ("name", .string(bitmap.name)),
            ("granularity", .integer(1 << UInt64(bitmap.granularityBits))),
        ])
    }

    private var warnings: [String] {
        var warnings: [String] = []
        if header.incompatible.contains(.dirty) {
            warnings.append("the image was not closed properly; its data is read, its reference counts may be wrong")
        }
        if !snapshots.isEmpty {
            warnings.append(
                "internal snapshots are not copied: the output has one state, the current one unless -l is given")
        }
        if !bitmaps.isEmpty { warnings.append("persistent bitmaps are not copied") }
        return warnings
    }
}
