import Conversion
import DiskImage

extension Converter {
    /// What compares the finished output with what is going to be written; nil if that is not wanted.
    /// - Parameter layout: of the output's writer.
    func makeVerification(_ layout: WriterLayout, _ format: TargetFormat) throws(ImageError) -> Verification? {
        guard verifies else { return nil }
        guard target.descriptor == nil else {
            throw ImageError(
                .invalidOption, "what goes into a pipe can't be read back",
                advice: "leave out --verify; v2v-convert checksum tells at both ends what the disk has")
        }
        guard !target.isExport else {
            throw ImageError(
                .invalidOption, "what a server gets is not read back",
                advice: "leave out --verify; v2v-convert compare reads the export", path: target.path)
        }
        return Verification(layout, hasBacking: format.hasBacking)
    }

    /// Opens the output, which is on the device under its temporary names, as a reader does who knows nothing of it, checks
    /// its tables, and compares where they have what with where that was placed.
    /// - Parameters:
    ///   - virtualSize: bytes of the disk, in whole sectors.
    ///   - companions: the names of the output's other files.
    /// - Throws: `outputFailed`, with what is wrong.
    func verify(
        _ output: Output, _ format: TargetFormat, virtualSize: UInt64, companions: [String],
        against verification: Verification, _ job: Job
    ) throws(ImageError) {
        output.dropCaches()
        let paths = output.temporaryPaths
        var opener = DiskImageSource(path: paths[0]).makeOpener()
        opener.locks = false
        opener.omitsBacking = true
        opener.findMember = { name in
            companions.firstIndex(of: name).flatMap { try? ImageFile(path: paths[$0 + 1], lock: false) }
        }
        do throws(ImageError) {
            let file = try ImageFile(path: paths[0], lock: false)
            let reader = try ImageProbe.open(file, format: format.name, opener: opener)
            try check(reader, job)
            let map = try reader.makeMap()
            guard map.virtualSize == virtualSize || map.virtualSize > virtualSize && mayBecomeLarger(format) else {
                throw Verification.mismatch(path: target.path)
            }
            let fileNumbers = map.files.map { paths.firstIndex(of: $0.path) ?? paths.count }
            try verification.compare(map, path: target.path, fileNumbers: fileNumbers, job: job)
        } catch {
            guard [.inputUnreadable, .inputFormat, .inputDamaged, .inputUnsupported].contains(error.code) else {
                throw error
            }
            throw ImageError(
                .outputFailed, "what is on the device is not what was written: \(error.message)",
                advice: "check the device, and convert again", path: error.path, offset: error.offset,
                errno: error.errno)
        }
    }

    /// Throws if the image's tables contradict each other: reference counts and second copies of tables, of which reading the
    /// disk makes no use, must be right too.
    private func check(_ reader: any ImageReader, _ job: Job) throws(ImageError) {
        // A stream-optimized VMDK has neither, and the check would look at every grain's header.
        guard let checker = reader as? any ImageChecker, reader.info.subformat != "streamOptimized" else { return }
        var first: CheckFinding?
        var report = CheckReport(isCancelled: { job.isStopped }) { finding in if first == nil { first = finding } }
        try checker.check(&report)
        if let first {
            throw ImageError(.inputDamaged, first.message, path: first.path, offset: first.offset)
        }
    }

    /// Whether the output may have a larger disk than the source: a device, or a VHD whose disk ends with a cylinder.
    private func mayBecomeLarger(_ format: TargetFormat) -> Bool {
        if case .vhd(let options) = format { return !options.keepsSize }
        return target.existing == .overwrite || target.existing == .overwriteZeroed
    }
}

extension TargetFormat {
    /// Whether the image says of parts of its disk that they are as in another file.
    fileprivate var hasBacking: Bool {
        if case .qcow2(let options) = self { options.backing != nil } else { false }
    }
}
