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
        _ extent: RepairExtent, output: any OutputSink, reopen: () throws(ImageError) -> ImageFile,
        _ report: inout CheckReport
    ) throws(ImageError) -> RepairCounts {
        let dataFile = try openKnownDataFile()
        if header.autoclear & ~QCOW2Header.knownAutoclear != 0 {
            try HeaderEdit(file: file, header: header).write(to: output)
        }
        var repair = QCOW2Repair(extent, output)
        try repair.run(
            reopen: { (report) throws(ImageError) in
                try Self.check(try reopen(), dataFile: dataFile, &report)
            }, &report)
        return repair.counts
    }

    package func markConsistent(output: any OutputSink) throws(ImageError) {
        let marks: QCOW2Header.IncompatibleFeatures = [.dirty, .corrupt]
        guard !header.incompatible.isDisjoint(with: marks) else { return }
        var edit = try HeaderEdit(file: file, header: header)
        edit.setIncompatible(header.incompatible.subtracting(marks))
        try edit.write(to: output)
    }
}
