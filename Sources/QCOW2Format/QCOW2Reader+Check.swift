import ByteLayout
package import DiskImage

extension QCOW2Reader: ImageRepairer {
    package func check(_ report: inout CheckReport) throws(ImageError) {
        _ = try Self.check(file, dataFile: try openKnownDataFile(), &report)
    }

    /// Checks `file` as it is now.
    private static func check(
        _ file: ImageFile, dataFile: ImageFile?, _ report: inout CheckReport
    ) throws(ImageError) -> QCOW2Check {
        let header = try QCOW2Header(file: file)
        let structure = try QCOW2Structure(
            file: file, dataFile: dataFile, header: header,
            extensions: try HeaderExtensions(file: file, header: header),
            &report)
        var check = try QCOW2Check(structure)
        try check.run(&report)
        return check
    }

    private func openKnownDataFile() throws(ImageError) -> ImageFile? {
        try requireKnownFeatures()
        return try openDataFile()
    }

    package func repair(
        _ extent: RepairExtent, in target: EditableFile, _ report: inout CheckReport
    ) throws(ImageError) -> RepairCounts {
        let dataFile = try openKnownDataFile()
        try clear(field: 88, bits: ~(QCOW2Header.bitmaps | QCOW2Header.rawDataFile), in: target)
        var repair = QCOW2Repair(extent, in: target)
        try repair.run(
            reopen: { (report) throws(ImageError) in
                try Self.check(try target.reader(), dataFile: dataFile, &report)
            }, &report)
        return repair.counts
    }

    package func markConsistent(in target: EditableFile) throws(ImageError) {
        let marks: QCOW2Header.IncompatibleFeatures = [.dirty, .corrupt]
        try clear(field: 72, bits: marks.rawValue, in: target)
    }

    /// Clears those of `bits` that are set in the features at byte `field` of the header.
    private func clear(field: UInt64, bits: UInt64, in target: EditableFile) throws(ImageError) {
        guard header.version >= 3 else { return }
        var features = try file.read(at: field, count: 8, what: "qcow2 header")
        let value = features.bigEndian(UInt64.self, at: 0)
        guard value & bits != 0 else { return }
        features.storeBigEndian(value & ~bits, at: 0)
        try target.write(features, at: HostOffset(field))
        try target.barrier()
    }
}
