import ChangeJournal
import DiskImage
import VMDKFormat

/// Finds out what an image is by its content.
///
/// Raw disks have no mark, so raw is what remains. That makes probing dangerous where something is damaged or merely
/// unknown: copied as raw it would become a finished-looking disk of rubbish. So everything that carries another format's
/// mark is that format, whatever else is wrong with it, and foreign marks are refused.
enum ImageProbe {
    /// Opens `file` as `format`, or as what its content says.
    static func open(
        _ file: ImageFile, format: ImageFormat?, opener: ImageOpener
    ) throws(ImageError) -> any ImageReader {
        try requireWhole(file, opener)
        let reader: any ImageReader.Type
        if let format {
            guard let said = FormatRegistry.reader(of: format) else {
                throw file.unsupported(
                    "an overlay says that this is in the format \"\(format.rawValue)\", which is not known",
                    advice: "known are \(FormatRegistry.names)")
            }
            reader = said
        } else {
            reader = try recognise(file, opener)
        }
        // Whether what is compressed fits is seen when it is unpacked.
        if reader != GzipReader.self { try require(reader, fits: opener, path: file.path) }
        return try reader.init(file: file, opener: opener)
    }

    /// Throws if an interruption may have left the image changed by half; tells of it if what is inconsistent is to be read.
    private static func requireWhole(_ file: ImageFile, _ opener: ImageOpener) throws(ImageError) {
        do throws(ImageError) {
            try InterruptedChange.refuse(file)
        } catch {
            guard !opener.locks else { throw error }
            opener.findings.warn(error.description)
        }
    }

    /// Throws if a machine's description comes where a disk should be, or a disk where one of several was asked for.
    static func require(
        _ reader: any ImageReader.Type, fits opener: ImageOpener, path: String
    ) throws(ImageError) {
        guard !reader.describesMachine || !opener.isInsideAppliance else {
            throw ImageError(
                .inputUnsupported,
                "what should be a disk describes a virtual machine itself (\(reader.format.rawValue))", path: path)
        }
        guard reader.describesMachine || opener.disk == nil else {
            throw ImageError(
                .invalidOption, "the image is one disk", advice: "--disk is for virtual machines: OVA, OVF and VMX",
                path: path)
        }
    }

    private static func recognise(
        _ file: ImageFile, _ opener: ImageOpener
    ) throws(ImageError) -> any ImageReader.Type {
        let probe = try ProbeData(file: file)
        for reader in FormatRegistry.readers where reader.recognises(probe) { return reader }
        let isBareExtent = BareExtent.descriptorPath(of: file.path) != nil
        let foreign =
            ForeignSignature.find(in: probe, path: file.path)
            ?? (isBareExtent || opener.isInsideAppliance ? nil : ForeignSignature.promised(by: file.path))
        if let foreign {
            throw ImageError(
                .inputFormat, "this looks like \(foreign.description), not like a raw disk", advice: foreign.advice,
                path: file.path)
        }
        if isBareExtent {
            opener.findings.warn(
                "\(file.path): this is the data of a VMDK without its descriptor, perhaps without later snapshots; "
                    + BareExtent.advice(for: file.path))
        }
        guard let raw = FormatRegistry.readers.last else { preconditionFailure("there are no formats") }
        return raw
    }
}
